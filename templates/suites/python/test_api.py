"""Begin here: one test is one case of the report."""


def test_health(api):
    answer = api.get("/healthz")
    assert answer.status == 200
    assert answer.body["status"] == "ok"


def test_page_of_customers(api):
    answer = api.get("/api/v1/customers?limit=2")
    assert answer.status == 200
    assert len(answer.body["items"]) == 2
    assert "national_id" not in answer.body["items"][0]


def test_tenant_is_needed(api):
    answer = api.get("/api/v1/customers", headers={})
    assert answer.status == 401
    assert answer.body["error"]["code"] == "unauthenticated"

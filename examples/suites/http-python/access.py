"""Who may ask: tenant and permissions (S-05)."""

from harness import Desk, case, equal, true


@case("tenant-missing", "access")
def tenant_missing(desk: Desk) -> None:
    answer = desk.get("/customers", expect=401, tenant=None)
    equal(answer.error["code"], "unauthenticated", "code")


@case("tenant-malformed", "access")
def tenant_malformed(desk: Desk) -> None:
    answer = desk.get("/customers", expect=401, tenant="Not A Tenant")
    equal(answer.error["code"], "unauthenticated", "code")


@case("permission-missing", "access")
def permission_missing(desk: Desk) -> None:
    answer = desk.get("/customers", expect=403, permissions=None)
    equal(answer.error["code"], "forbidden", "code")


@case("permission-of-another-route", "access")
def permission_of_another_route(desk: Desk) -> None:
    answer = desk.get("/statistics/orders", expect=403, permissions="customers:read,follow-ups:read")
    equal(answer.error["code"], "forbidden", "code")


@case("permission-read-does-not-write", "access")
def permission_read_does_not_write(desk: Desk) -> None:
    answer = desk.call("POST", "/api/v1/follow-ups", {"customer_id": 1, "note": "x"}, permissions="follow-ups:read")
    equal(answer.status, 403, "status")
    true("follow_up_id" not in answer.body, "a follow-up was made without the permission")

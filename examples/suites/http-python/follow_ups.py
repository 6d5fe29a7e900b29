"""Follow-ups: the plugin's own records, one tenant apart from another."""

from typing import Any

from customers import first_page
from harness import Answer, Desk, case, equal


def create(desk: Desk, **fields: Any) -> Answer:
    """Make a follow-up for the first customer."""
    body = {"customer_id": first_page(desk)["items"][0]["customer_id"], "note": "call back"} | fields
    answer = desk.call("POST", "/api/v1/follow-ups", body)
    equal(answer.status, 201, "status")
    return answer


@case("follow-up-create", "follow-ups")
def follow_up_create(desk: Desk) -> None:
    answer = create(desk, tags=["vip", "phone"], due_on="2025-02-01")
    equal(answer.headers["location"], f"/api/v1/follow-ups/{answer.body['follow_up_id']}", "Location")
    equal((answer.body["tags"], answer.body["due_on"]), (["vip", "phone"], "2025-02-01"), "tags and due date")


@case("follow-up-read-back", "follow-ups")
def follow_up_read_back(desk: Desk) -> None:
    made = create(desk, note="naïve 客户 🙂").body
    equal(desk.get(f"/follow-ups/{made['follow_up_id']}").body, made, "the follow-up read back")


@case("follow-up-every-mistake-at-once", "follow-ups")
def follow_up_every_mistake_at_once(desk: Desk) -> None:
    answer = desk.call("POST", "/api/v1/follow-ups", {"customer_id": "7", "note": "", "colour": "red"})
    equal(answer.status, 422, "status")
    equal(sorted(answer.error["fields"]), ["colour", "customer_id", "note"], "fields named")


@case("follow-up-of-another-tenant", "follow-ups", "access")
def follow_up_of_another_tenant(desk: Desk) -> None:
    made = create(desk).body
    desk.get(f"/follow-ups/{made['follow_up_id']}", expect=404, tenant="globex")

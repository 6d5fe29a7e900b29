"""Orders of a customer, and statistics over all of them."""

from typing import Any

from customers import first_page
from harness import Desk, case, equal, true


def counted(desk: Desk, **query: Any) -> int:
    """Return how many orders the statistics count."""
    return int(desk.get("/statistics/orders", **query).body["orders"])


@case("orders-of-customer", "orders")
def orders_of_customer(desk: Desk) -> None:
    customer = first_page(desk)["items"][0]["customer_id"]
    found = desk.get(f"/customers/{customer}/orders").body["items"]
    equal({order["customer_id"] for order in found} - {customer}, set(), "other customers' orders")
    true(all(isinstance(order["amount_cents"], int) for order in found), "an amount is not in whole cents")
    true(all("customer_email" not in order for order in found), "an order shows its customer's address")


@case("orders-by-status", "orders")
def orders_by_status(desk: Desk) -> None:
    items = desk.once("statistics", lambda: desk.get("/statistics/orders").body)["items"]
    status = items[0]["status"]
    for customer in first_page(desk)["items"][:3]:
        found = desk.get(f"/customers/{customer['customer_id']}/orders", status=status).body["items"]
        equal({order["status"] for order in found} - {status}, set(), "other statuses")


@case("statistics-add-up", "orders")
def statistics_add_up(desk: Desk) -> None:
    body = desk.once("statistics", lambda: desk.get("/statistics/orders").body)
    true(body["orders"] > 0, "no orders at all")
    equal(sum(item["orders"] for item in body["items"]), body["orders"], "sum of the groups")


@case("statistics-by-country", "orders")
def statistics_by_country(desk: Desk) -> None:
    everywhere = desk.once("statistics", lambda: desk.get("/statistics/orders").body)["orders"]
    here = counted(desk, country=first_page(desk)["items"][0]["country"])
    true(0 <= here <= everywhere, f"{here} orders in one country, {everywhere} in all")


@case("statistics-periods-add-up", "orders")
def statistics_periods_add_up(desk: Desk) -> None:
    everything = desk.once("statistics", lambda: desk.get("/statistics/orders").body)["orders"]
    equal(counted(desk, until="2024-07-01") + counted(desk, since="2024-07-01"), everything, "sum of both periods")


@case("statistics-bad-date", "orders")
def statistics_bad_date(desk: Desk) -> None:
    error = desk.get("/statistics/orders", expect=400, since="2024-02-31").error
    equal(list(error["fields"]), ["since"], "fields")

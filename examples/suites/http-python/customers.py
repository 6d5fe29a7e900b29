"""Customers: pages, filters, search, one customer, and what must stay hidden."""

from typing import Any

from harness import Desk, case, equal, true

HIDDEN = {"national_id", "customer_email", "note"}


def first_page(desk: Desk) -> dict[str, Any]:
    """Return the first page of customers, asked once."""
    return dict(desk.once("customers", lambda: desk.get("/customers").body))


@case("customers-first-page", "customers")
def customers_first_page(desk: Desk) -> None:
    page = first_page(desk)
    ids = [item["customer_id"] for item in page["items"]]
    equal(len(ids), 20, "customers on a page without `limit`")
    equal(ids, sorted(set(ids)), "order of the ids")
    equal(page["next"], ids[-1], "next")


@case("customers-limit", "customers")
def customers_limit(desk: Desk) -> None:
    equal(len(desk.get("/customers", limit=7).body["items"]), 7, "customers on the page")


@case("customers-next-page", "customers")
def customers_next_page(desk: Desk) -> None:
    page = first_page(desk)
    following = desk.get("/customers", after=page["next"], limit=5).body["items"]
    true(all(item["customer_id"] > page["next"] for item in following), "a customer of the first page came again")


@case("customers-by-country", "customers")
def customers_by_country(desk: Desk) -> None:
    country = first_page(desk)["items"][0]["country"]
    found = desk.get("/customers", country=country, limit=50).body["items"]
    true(found, f"no customer in {country}")
    equal({item["country"] for item in found}, {country}, "countries found")


@case("customers-by-status", "customers")
def customers_by_status(desk: Desk) -> None:
    status = first_page(desk)["items"][0]["status"]
    found = desk.get("/customers", status=status, limit=50).body["items"]
    equal({item["status"] for item in found}, {status}, "statuses found")


@case("customers-search", "customers")
def customers_search(desk: Desk) -> None:
    person = first_page(desk)["items"][0]
    part = person["full_name"][:3]
    found = desk.get("/customers", q=part.upper(), limit=10).body["items"]
    true(found, f"nobody found for {part!r}")
    for item in found:
        text = (item["full_name"] + " " + item["email"]).casefold()
        true(part.casefold() in text, f"customer {item['customer_id']} does not hold {part!r}")


@case("customers-unknown-parameter", "customers")
def customers_unknown_parameter(desk: Desk) -> None:
    error = desk.get("/customers", expect=400, colour="red").error
    equal((error["code"], list(error["fields"])), ("bad_request", ["colour"]), "code and fields")


@case("customers-limit-too-large", "customers")
def customers_limit_too_large(desk: Desk) -> None:
    error = desk.get("/customers", expect=400, limit=201).error
    equal(list(error["fields"]), ["limit"], "fields")


@case("customer-by-id", "customers")
def customer_by_id(desk: Desk) -> None:
    listed = first_page(desk)["items"][0]
    found = desk.get(f"/customers/{listed['customer_id']}").body
    equal({name: found[name] for name in listed}, listed, "the customer, as listed and alone")


@case("customer-unknown", "customers")
def customer_unknown(desk: Desk) -> None:
    equal(desk.get("/customers/999999999", expect=404).error["code"], "not_found", "code")


@case("customer-id-malformed", "customers")
def customer_id_malformed(desk: Desk) -> None:
    desk.get("/customers/seven", expect=404)


@case("customer-hides-identities", "customers", "privacy")
def customer_hides_identities(desk: Desk) -> None:
    found = desk.get(f"/customers/{first_page(desk)['items'][0]['customer_id']}").body
    equal(HIDDEN & found.keys(), set(), "fields that must stay hidden")


@case("customers-masked-emails", "customers", "privacy")
def customers_masked_emails(desk: Desk) -> None:
    for item in first_page(desk)["items"]:
        true(item["email"].endswith("@example.com"), f"customer {item['customer_id']} has an address outside the mask")


@case("customer-notes", "customers")
def customer_notes(desk: Desk) -> None:
    for customer in first_page(desk)["items"][:3]:
        notes = desk.get(f"/customers/{customer['customer_id']}/notes").body["items"]
        equal({note["customer_id"] for note in notes} - {customer["customer_id"]}, set(), "other customers' notes")


@case("customer-notes-unknown", "customers")
def customer_notes_unknown(desk: Desk) -> None:
    desk.get("/customers/999999999/notes", expect=404)

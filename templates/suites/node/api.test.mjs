// Begin here: one test is one case of the report; one inside `describe` is called `outer > inner`.
import assert from "node:assert/strict";
import { describe, it, test } from "node:test";

const TENANT = { "X-PowerX-Tenant": "acme", "X-PowerX-Permissions": "customers:read" };

/** GET a path; return its status and its body as JSON. */
async function get(path, headers = TENANT) {
  const answer = await fetch(process.env.SANDBOX_BASE_URL + path, { headers, signal: AbortSignal.timeout(10_000) });
  return { status: answer.status, body: await answer.json() };
}

test("health", async () => {
  const { status, body } = await get("/healthz");
  assert.equal(status, 200);
  assert.equal(body.status, "ok");
});

describe("customers", () => {
  it("page of two", async () => {
    const { status, body } = await get("/api/v1/customers?limit=2");
    assert.equal(status, 200);
    assert.equal(body.items.length, 2);
    assert.ok(!("national_id" in body.items[0]));
  });

  it("tenant is needed", async () => {
    const { status, body } = await get("/api/v1/customers", {});
    assert.equal(status, 401);
    assert.equal(body.error.code, "unauthenticated");
  });
});

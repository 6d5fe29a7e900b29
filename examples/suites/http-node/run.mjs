// The customer desk's protocol and the life of a follow-up. Run as `node run.mjs`.
import { call, equal, runAll, test } from "./harness.mjs";

const HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

async function customer() {
  const { body } = await call("GET", "/api/v1/customers?limit=1");
  return body.items[0].customer_id;
}

async function create(fields = {}) {
  const answer = await call("POST", "/api/v1/follow-ups", { body: { customer_id: await customer(), note: "call back", ...fields } });
  equal(answer.status, 201, "status");
  return answer.body;
}

test("security-headers", ["protocol"], async () => {
  const { headers } = await call("GET", "/api/v1/customers?limit=1");
  for (const [name, value] of Object.entries(HEADERS)) equal(headers[name], value, name);
});

test("security-headers-on-refusals", ["protocol"], async () => {
  const { status, headers } = await call("GET", "/api/v1/nothing-here");
  equal(status, 404, "status");
  for (const [name, value] of Object.entries(HEADERS)) equal(headers[name], value, name);
});

test("request-id-answered", ["protocol"], async () => {
  const { headers } = await call("GET", "/api/v1/customers?limit=1", { headers: { "X-Request-Id": "trace-42" } });
  equal(headers["x-request-id"], "trace-42", "X-Request-Id");
});

test("request-id-made", ["protocol"], async () => {
  const ids = [];
  for (let turn = 0; turn < 2; turn += 1) ids.push((await call("GET", "/api/v1/customers?limit=1")).headers["x-request-id"]);
  equal(ids.every((id) => /^[A-Za-z0-9-]{1,64}$/.test(id ?? "")), true, "ids well formed");
  equal(new Set(ids).size, 2, "different ids");
});

test("method-not-allowed", ["protocol"], async () => {
  const { status, headers } = await call("DELETE", "/api/v1/customers");
  equal(status, 405, "status");
  equal(headers.allow.includes("GET"), true, "Allow names GET");
});

test("media-type-refused", ["protocol"], async () => {
  const { status } = await call("POST", "/api/v1/follow-ups", { body: "note=x", headers: { "Content-Type": "application/x-www-form-urlencoded" } });
  equal(status, 415, "status");
});

test("body-not-json", ["protocol"], async () => {
  const { status, body } = await call("POST", "/api/v1/follow-ups", { body: '{"customer_id": ' });
  equal([status, body.error.code], [400, "bad_request"], "status and code");
});

test("body-too-large", ["protocol"], async () => {
  const { status } = await call("POST", "/api/v1/follow-ups", { body: { customer_id: 1, note: "x".repeat(70_000) } });
  equal(status, 413, "status");
});

test("follow-up-replace", ["follow-ups"], async () => {
  const made = await create({ tags: ["vip"] });
  const { status, body } = await call("PUT", `/api/v1/follow-ups/${made.follow_up_id}`, { body: { customer_id: made.customer_id, note: "done" } });
  equal(status, 200, "status");
  equal([body.note, body.tags], ["done", []], "note and tags after the replacement");
});

test("follow-up-customer-stays", ["follow-ups"], async () => {
  const made = await create();
  const { status, body } = await call("PUT", `/api/v1/follow-ups/${made.follow_up_id}`, { body: { customer_id: made.customer_id + 1, note: "moved" } });
  equal([status, Object.keys(body.error.fields)], [422, ["customer_id"]], "status and fields");
});

test("follow-up-delete", ["follow-ups"], async () => {
  const made = await create();
  const path = `/api/v1/follow-ups/${made.follow_up_id}`;
  equal((await call("DELETE", path)).status, 204, "status of the removal");
  equal((await call("GET", path)).status, 404, "status afterwards");
});

test("follow-ups-by-tag", ["follow-ups"], async () => {
  const tag = `t${Math.random().toString(36).slice(2, 10)}`;
  const made = await create({ tags: [tag, "other"] });
  const { body } = await call("GET", `/api/v1/follow-ups?tag=${tag}`);
  equal(body.items.map((item) => item.follow_up_id), [made.follow_up_id], "follow-ups with the tag");
});

process.exitCode = await runAll();

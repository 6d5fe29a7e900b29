// A small test runner: cases are async functions, each is timed, each leaves one line of results.
// The script contract is docs/guides/suites.md. Node's own modules only, so that it runs in the bare runner image.
import { appendFileSync } from "node:fs";
import { Agent, request as open } from "node:http";

const KEPT = 1500; // characters of a request or response that a report shows
const EVERYTHING = "customers:read,orders:read,follow-ups:read,follow-ups:write";
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const cases = [];
let exchange = { request: "", response: "" }; // the last one, for the report

/** Register a case under `name`. */
export function test(name, tags, check) {
  cases.push({ name, tags, check });
}

/** Fail with both values unless they are equal as JSON. */
export function equal(found, expected, what) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) throw new Failure(`${what}: expected ${right}, found ${left}`);
}

class Failure extends Error {}

/** Send one request; `body` is an object sent as JSON, or a string sent as it is. */
export function call(method, path, { body, headers = {} } = {}) {
  const data = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const sent = { "X-PowerX-Tenant": "acme", "X-PowerX-Permissions": EVERYTHING, ...headers };
  if (data !== undefined) {
    sent["Content-Type"] ??= "application/json";
    sent["Content-Length"] = Buffer.byteLength(data);
  }
  exchange = { request: shown(`${method} ${path}`, sent, data), response: "" };
  return new Promise((resolve, reject) => {
    const url = new URL(path, process.env.SANDBOX_BASE_URL);
    const message = open(url, { method, headers: sent, agent, timeout: 10_000 }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(parts).toString("utf8");
        exchange.response = shown(`${answer.statusCode} ${answer.statusMessage}`, answer.headers, text);
        try {
          resolve({ status: answer.statusCode, headers: answer.headers, body: text ? JSON.parse(text) : null });
        } catch (error) {
          reject(error);
        }
      });
    });
    message.on("timeout", () => message.destroy(new Error("no answer within 10 seconds")));
    message.on("error", reject);
    message.end(data);
  });
}

/** Run every case, append its result to $SANDBOX_RESULTS, and return the exit code: 0 all passed, 1 not. */
export async function runAll() {
  const suite = process.env.SANDBOX_SUITE ?? "http-node";
  const ends = performance.now() + 1000 * Number(process.env.SANDBOX_DEADLINE_SECONDS ?? 60);
  let code = 0;
  for (const { name, tags, check } of cases) {
    exchange = { request: "", response: "" };
    const started = performance.now();
    const { outcome, message } = started > ends ? late : await attempt(check);
    const seconds = Number(((performance.now() - started) / 1000).toFixed(6));
    const line = { case: name, suite, outcome, seconds, attempt: 1, message, ...exchange, tags };
    appendFileSync(process.env.SANDBOX_RESULTS, JSON.stringify(line) + "\n"); // what ran is kept, should the suite be ended
    if (outcome === "failed" || outcome === "error") code = 1;
  }
  agent.destroy();
  return code;
}

const late = { outcome: "skipped", message: "the deadline had passed" };

async function attempt(check) {
  try {
    await check();
    return { outcome: "passed", message: "" };
  } catch (error) {
    if (error instanceof Failure) return { outcome: "failed", message: error.message };
    return { outcome: "error", message: String(error.stack ?? error) };
  }
}

function shown(first, headers, content) {
  const lines = [first, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)];
  const text = lines.join("\n") + (content ? `\n\n${content}` : "");
  return text.length <= KEPT ? text : `${text.slice(0, KEPT)} …`;
}

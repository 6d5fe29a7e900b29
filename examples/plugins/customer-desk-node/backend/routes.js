'use strict';
// What the customer desk answers: routes, the permission each needs, checks of what comes in, the SQL behind them.

const SCHEMA = process.env.DATASET_SCHEMA || 'dataset';
if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(SCHEMA)) throw new Error('DATASET_SCHEMA: a plain schema name is needed');
const TIME = `'YYYY-MM-DD"T"HH24:MI:SS'`;
const SHORT = 'customer_id, full_name, email, country, locale, status';
const FULL = `customer_id, full_name, email, phone, country, locale, status,
  to_char(birth_date, 'YYYY-MM-DD') AS birth_date, address, to_char(created_at, ${TIME}) AS created_at`;
const NOTE = `note_id, customer_id, author, body, to_char(created_at, ${TIME}) AS created_at`;
const ORDER = `order_id, customer_id, sku, amount_cents, currency, status, to_char(ordered_at, ${TIME}) AS ordered_at`;
const FOLLOW_UP = `follow_up_id, customer_id, note, tags, to_char(due_on, 'YYYY-MM-DD') AS due_on,
  to_char(created_at AT TIME ZONE 'UTC', ${TIME}) || 'Z' AS created_at,
  to_char(updated_at AT TIME ZONE 'UTC', ${TIME}) || 'Z' AS updated_at`;
const LARGEST = 999999999999999;
const WHOLE = 'a whole number from 1 is needed';

/** An answer other than the one asked for. */
class Refusal extends Error {
  constructor(status, code, message, fields = {}) {
    super(message);
    this.status = status;
    this.body = { error: { code, message, fields } };
  }
}

// --- Checks of what comes in: each returns the value, or undefined ---

const number = (low, high) => (text) =>
  (/^[0-9]{1,15}$/.test(text) && Number(text) >= low && Number(text) <= high ? Number(text) : undefined);
const shape = (pattern) => (text) => (pattern.test(text) ? text : undefined);
const isText = (value) => typeof value === 'string';

function day(text) {
  if (!isText(text) || !/^[12][0-9]{3}-[0-9]{2}-[0-9]{2}$/.test(text)) return undefined;
  const moment = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(text) ? text : undefined;
}

// parameter -> [check, what is needed]
const PARAMETERS = {
  limit: [number(1, 200), 'a whole number from 1 to 200 is needed'],
  after: [number(0, LARGEST), 'the `next` of the page before is needed'],
  // eslint-disable-next-line no-control-regex
  q: [shape(/^[^\x00-\x1f]{2,64}$/u), '2 to 64 characters are needed'],
  country: [shape(/^[A-Z]{2}$/), 'two capital letters are needed'],
  status: [shape(/^[a-z_]{1,32}$/), '1 to 32 small letters are needed'],
  customer_id: [number(1, LARGEST), WHOLE],
  tag: [shape(/^[a-z0-9-]{1,32}$/), '1 to 32 small letters, digits or hyphens are needed'],
  since: [day, 'a date such as 2025-01-31 is needed'],
  until: [day, 'a date such as 2025-01-31 is needed'],
};

/** Return the query's values, null where nothing was given; all mistakes at once. */
function checkQuery(pairs, allowed) {
  const values = { ...Object.fromEntries(allowed.map((name) => [name, null])), limit: 20, after: 0 };
  const fields = {};
  const seen = new Set();
  for (const [name, text] of pairs) {
    const value = allowed.includes(name) ? PARAMETERS[name][0](text) : undefined;
    if (!allowed.includes(name)) fields[name] = 'unknown parameter';
    else if (seen.has(name)) fields[name] = 'given more than once';
    else if (value === undefined) [, fields[name]] = PARAMETERS[name];
    else values[name] = value;
    seen.add(name);
  }
  const count = Object.keys(fields).length;
  if (count > 0) throw new Refusal(400, 'bad_request', `${count} query parameters are wrong`, fields);
  return values;
}

function parse(body) {
  try {
    const content = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
    if (content !== null && typeof content === 'object' && !Array.isArray(content)) return content;
  } catch { /* no JSON, no UTF-8: told below */ }
  throw new Refusal(400, 'bad_request', 'a JSON object is needed');
}

function checkFollowUp(body) {
  const content = parse(body);
  const { customer_id: customer, note, tags: given, due_on: due = null } = content;
  const fields = {};
  for (const name of Object.keys(content)) {
    if (!['customer_id', 'note', 'tags', 'due_on'].includes(name)) fields[name] = 'unknown field';
  }
  if (!(Number.isInteger(customer) && customer >= 1 && customer <= LARGEST)) fields.customer_id = WHOLE;
  // eslint-disable-next-line no-control-regex
  if (!(isText(note) && [...note].length >= 1 && [...note].length <= 500 && !/[\x00\ud800-\udfff]/u.test(note))) {
    fields.note = '1 to 500 characters are needed';
  }
  const tags = given ?? [];
  const shaped = Array.isArray(tags) && tags.every((tag) => isText(tag) && PARAMETERS.tag[0](tag) !== undefined);
  if (!(shaped && tags.length <= 10 && new Set(tags).size === tags.length)) {
    fields.tags = 'at most 10 different tags of 1 to 32 small letters, digits or hyphens are possible';
  }
  if (due !== null && day(due) === undefined) fields.due_on = 'a date such as 2025-01-31, or null, is needed';
  const count = Object.keys(fields).length;
  if (count > 0) throw new Refusal(422, 'invalid', `${count} fields are wrong`, fields);
  return { customer, note, tags, due };
}

// --- Routes ---

/** One row more than the page was asked for: it says whether there is a next page. */
function page(rows, limit, key) {
  const items = rows.slice(0, limit);
  return { status: 200, body: { items, next: rows.length > limit ? items[items.length - 1][key] : null } };
}

function one(rows, what, id) {
  if (rows.length === 0) throw new Refusal(404, 'not_found', `${what} ${id} does not exist`);
  return rows[0];
}

const findCustomer = (pool, id, columns = 'customer_id') =>
  pool.rows(`SELECT ${columns} FROM ${SCHEMA}.customers WHERE customer_id = $1`, id);

async function customers(pool, { query }) {
  const clauses = ['customer_id > $1'];
  const values = [query.after];
  for (const column of ['country', 'status'].filter((name) => query[name])) {
    clauses.push(`${column} = $${values.push(query[column])}`);
  }
  if (query.q) {
    const place = values.push(`%${query.q.replace(/[\\%_]/g, '\\$&')}%`);
    clauses.push(`(full_name ILIKE $${place} OR email ILIKE $${place})`);
  }
  const limit = values.push(query.limit + 1);
  const statement = `SELECT ${SHORT} FROM ${SCHEMA}.customers WHERE ${clauses.join(' AND ')}
    ORDER BY customer_id LIMIT $${limit}`;
  return page(await pool.rows(statement, ...values), query.limit, 'customer_id');
}

async function customer(pool, { id }) {
  return { status: 200, body: one(await findCustomer(pool, id, FULL), 'customer', id) };
}

async function notes(pool, { id, query }) {
  one(await findCustomer(pool, id), 'customer', id);
  const statement = `SELECT ${NOTE} FROM ${SCHEMA}.notes WHERE customer_id = $1 AND note_id > $2
    ORDER BY note_id LIMIT $3`;
  return page(await pool.rows(statement, id, query.after, query.limit + 1), query.limit, 'note_id');
}

async function orders(pool, { id, query }) {
  one(await findCustomer(pool, id), 'customer', id);
  const statement = `SELECT ${ORDER} FROM ${SCHEMA}.orders
    WHERE customer_id = $1 AND order_id > $2 AND ($3::text IS NULL OR status = $3) ORDER BY order_id LIMIT $4`;
  return page(await pool.rows(statement, id, query.after, query.status, query.limit + 1), query.limit, 'order_id');
}

/** Counts and sums of orders. Currencies are not added up. */
async function statistics(pool, { query }) {
  const items = await pool.rows(
    `SELECT o.currency, o.status, count(*) AS orders, coalesce(sum(o.amount_cents), 0)::bigint AS amount_cents
    FROM ${SCHEMA}.orders o WHERE ($1::date IS NULL OR o.ordered_at >= $1) AND ($2::date IS NULL OR o.ordered_at < $2)
    AND ($3::text IS NULL OR EXISTS (
      SELECT 1 FROM ${SCHEMA}.customers c WHERE c.customer_id = o.customer_id AND c.country = $3))
    GROUP BY o.currency, o.status ORDER BY o.currency, o.status`,
    query.since, query.until, query.country,
  );
  return { status: 200, body: { orders: items.reduce((sum, item) => sum + item.orders, 0), items } };
}

async function followUps(pool, { tenant, query }) {
  const statement = `SELECT ${FOLLOW_UP} FROM follow_up WHERE tenant_id = $1 AND follow_up_id > $2
    AND ($3::bigint IS NULL OR customer_id = $3) AND ($4::text IS NULL OR tags @> ARRAY[$4])
    ORDER BY follow_up_id LIMIT $5`;
  const rows = await pool.rows(statement, tenant, query.after, query.customer_id, query.tag, query.limit + 1);
  return page(rows, query.limit, 'follow_up_id');
}

async function followUp(pool, { tenant, id }) {
  const statement = `SELECT ${FOLLOW_UP} FROM follow_up WHERE tenant_id = $1 AND follow_up_id = $2`;
  return { status: 200, body: one(await pool.rows(statement, tenant, id), 'follow-up', id) };
}

async function create(pool, { tenant, body }) {
  const given = checkFollowUp(body);
  if ((await findCustomer(pool, given.customer)).length === 0) {
    const fields = { customer_id: `customer ${given.customer} does not exist` };
    throw new Refusal(422, 'invalid', '1 fields are wrong', fields);
  }
  const statement = `INSERT INTO follow_up (tenant_id, customer_id, note, tags, due_on)
    VALUES ($1, $2, $3, $4::text[], $5::date) RETURNING ${FOLLOW_UP}`;
  const [made] = await pool.rows(statement, tenant, given.customer, given.note, given.tags, given.due);
  return { status: 201, body: made, headers: { Location: `/api/v1/follow-ups/${made.follow_up_id}` } };
}

async function replace(pool, request) {
  const old = (await followUp(pool, request)).body;
  const given = checkFollowUp(request.body);
  if (given.customer !== old.customer_id) {
    throw new Refusal(422, 'invalid', '1 fields are wrong', { customer_id: 'may not change' });
  }
  const statement = `UPDATE follow_up SET note = $1, tags = $2::text[], due_on = $3::date, updated_at = now()
    WHERE tenant_id = $4 AND follow_up_id = $5 RETURNING ${FOLLOW_UP}`;
  const rows = await pool.rows(statement, given.note, given.tags, given.due, request.tenant, request.id);
  return { status: 200, body: one(rows, 'follow-up', request.id) };
}

async function remove(pool, { tenant, id }) {
  const statement = 'DELETE FROM follow_up WHERE tenant_id = $1 AND follow_up_id = $2 RETURNING follow_up_id';
  one(await pool.rows(statement, tenant, id), 'follow-up', id);
  return { status: 204, body: null };
}

const PAGE = ['limit', 'after'];
// path -> method -> [permission, query parameters, function]
const ROUTES = {
  '/api/v1/customers': { GET: ['customers:read', ['q', 'country', 'status', ...PAGE], customers] },
  '/api/v1/customers/{id}': { GET: ['customers:read', [], customer] },
  '/api/v1/customers/{id}/notes': { GET: ['customers:read', PAGE, notes] },
  '/api/v1/customers/{id}/orders': { GET: ['orders:read', ['status', ...PAGE], orders] },
  '/api/v1/statistics/orders': { GET: ['orders:read', ['country', 'since', 'until'], statistics] },
  '/api/v1/follow-ups': {
    GET: ['follow-ups:read', ['customer_id', 'tag', ...PAGE], followUps],
    POST: ['follow-ups:write', [], create],
  },
  '/api/v1/follow-ups/{id}': {
    GET: ['follow-ups:read', [], followUp],
    PUT: ['follow-ups:write', [], replace],
    DELETE: ['follow-ups:write', [], remove],
  },
};

module.exports = { ROUTES, Refusal, checkQuery };

'use strict';
// The customer desk's HTTP service: listens, checks who asks, answers, and writes one line of log per request.

const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const database = require('./database');
const { ROUTES, Refusal, checkQuery } = require('./routes');

const VERSION = process.env.POWERX_PLUGIN_VERSION || '1.2.0';
const MAX_BODY = 65536;
const SECURITY = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
  'Strict-Transport-Security': 'max-age=31536000',
  Server: 'customer-desk',
};
const PATHS = Object.keys(ROUTES).map((path) => [path, new RegExp(`^${path.replace('{id}', '([0-9]{1,15})')}$`)]);
const POOL = database.fromEnvironment(process.env);

/** Write one JSON line. Never a path, query, body or value of the database: they may hold personal data. */
function log(level, event, facts) {
  fs.writeSync(1, `${JSON.stringify({ time: new Date().toISOString(), level, event, ...facts })}\n`);
}

const isTenant = (text) => /^[a-z0-9][a-z0-9-]{0,62}$/.test(text);

async function health() {
  try {
    await POOL.rows('SELECT 1');
  } catch {
    return { status: 503, body: { status: 'unavailable', database: 'unreachable', version: VERSION } };
  }
  return { status: 200, body: { status: 'ok', database: 'ok', version: VERSION } };
}

/** Say which methods the route has. */
function refuseMethod(method, methods) {
  const { status, body } = new Refusal(405, 'method_not_allowed', `${method} is not possible here`);
  return { status, body, headers: { Allow: Object.keys(methods).sort().join(', ') } };
}

/** Whether the body can be read; where it cannot, the connection ends with the answer. */
function isReadable(request) {
  return !('transfer-encoding' in request.headers) && Number(request.headers['content-length'] || 0) <= MAX_BODY;
}

/** Refuse what is no JSON of a fair size. */
function checkBody(request) {
  if ((request.headers['content-type'] || '').split(';')[0].trim().toLowerCase() !== 'application/json') {
    throw new Refusal(415, 'unsupported_media_type', 'the content type application/json is needed');
  }
  if ('transfer-encoding' in request.headers) {
    throw new Refusal(411, 'length_required', 'the header Content-Length is needed');
  }
  if (!isReadable(request)) throw new Refusal(413, 'too_large', `at most ${MAX_BODY} bytes are possible`);
}

async function bodyOf(request) {
  const pieces = [];
  if (isReadable(request)) for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Find the route, check tenant, permission, query and body, and let the route answer. */
async function decide(request, seen) {
  const body = await bodyOf(request);
  const [path, search = ''] = request.url.split('#')[0].split(/\?(.*)/s);
  if (path === '/healthz') {
    seen.route = path;
    return request.method === 'GET' ? health() : refuseMethod(request.method, { GET: null });
  }
  const found = PATHS.map(([route, shape]) => [route, shape.exec(path)]).find(([, match]) => match);
  if (!found) throw new Refusal(404, 'not_found', 'no such route');
  const [route, match] = found;
  seen.route = route;
  if (!Object.hasOwn(ROUTES[route], request.method)) return refuseMethod(request.method, ROUTES[route]);
  const [permission, allowed, answer] = ROUTES[route][request.method];
  const tenant = request.headers['x-powerx-tenant'] || '';
  if (!isTenant(tenant)) {
    throw new Refusal(401, 'unauthenticated', 'the header X-PowerX-Tenant is missing or malformed');
  }
  const held = (request.headers['x-powerx-permissions'] || '').split(',').map((item) => item.trim());
  if (!held.includes(permission)) throw new Refusal(403, 'forbidden', `the permission ${permission} is needed`);
  const query = checkQuery(new URLSearchParams(search), allowed);
  if (request.method === 'POST' || request.method === 'PUT') checkBody(request);
  return answer(POOL, { tenant, id: match[1] ? Number(match[1]) : 0, query, body });
}

/** The answer to what went wrong; nothing of the inside is told. */
function excuse(error, mark) {
  if (error instanceof Refusal) return error;
  if (error instanceof database.Unavailable) return new Refusal(503, 'unavailable', 'the database cannot be reached');
  log('error', 'exception', { kind: error.constructor.name, request_id: mark });
  return new Refusal(500, 'internal', 'something went wrong');
}

function send(request, response, { status, body, headers = {} }, mark) {
  const data = body === null ? '' : JSON.stringify(body);
  const typed = body === null ? {} : {
    'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(data),
  };
  const last = isReadable(request) ? {} : { Connection: 'close' };
  response.writeHead(status, { ...SECURITY, ...headers, 'X-Request-Id': mark, ...typed, ...last });
  response.end(data);
}

async function answer(request, response) {
  const started = process.hrtime.bigint();
  const seen = { route: 'unknown' };
  const asked = request.headers['x-request-id'] || '';
  const mark = /^[A-Za-z0-9-]{1,64}$/.test(asked) ? asked : crypto.randomUUID();
  const given = await decide(request, seen).catch((error) => excuse(error, mark));
  send(request, response, given, mark);
  const tenant = request.headers['x-powerx-tenant'] || '';
  log(given.status >= 500 ? 'error' : 'info', 'request', {
    method: request.method,
    route: seen.route,
    status: given.status,
    ms: Math.round(Number(process.hrtime.bigint() - started) / 1e5) / 10,
    tenant: isTenant(tenant) ? tenant : null,
    request_id: mark,
  });
}

/** Answer what is no HTTP that we speak. */
function refuseUnreadable(error, socket) {
  if (!socket.writable) return;
  const body = JSON.stringify(new Refusal(400, 'bad_request', 'the request cannot be read').body);
  const headers = { ...SECURITY, 'Content-Type': 'application/json; charset=utf-8', Connection: 'close' };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(`HTTP/1.1 400 Bad Request\r\n${lines}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

/** Return host and port of `:8086`, `127.0.0.1:8086`; a port still to be allocated is any free one. */
function address(text) {
  const [, host, port] = /^(.*):(.*)$/.exec(text.replace('__POWERX_DYNAMIC_PORT__', '0'));
  return { host: host.replace(/[[\]]/g, '') || '0.0.0.0', port: Number(port) };
}

// Serve until SIGTERM, which ends everything at once.
process.on('SIGTERM', () => process.exit(0));
const server = http.createServer({ keepAliveTimeout: 60000 }, answer);
server.on('clientError', refuseUnreadable);
server.listen({ ...address(process.env.POWERX_BIND_ADDR || ':8086'), backlog: 128 }, () => {
  log('info', 'listening', { port: server.address().port, version: VERSION });
});

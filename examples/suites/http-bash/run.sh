#!/usr/bin/env bash
# The customer desk from a shell: health, access, pages. Run as `bash run.sh`; needs curl and jq.
# The script contract is docs/guides/suites.md.
set -uo pipefail

suite=${SANDBOX_SUITE:-http-bash}
deadline=${SANDBOX_DEADLINE_SECONDS:-60}
ends=$((SECONDS + ${deadline%.*}))
api=$SANDBOX_BASE_URL/api/v1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
code=0

# ask METHOD URL [CURL OPTION...]: sets $status, $headers and $body.
ask() {
  local method=$1 url=$2
  shift 2
  request="$method $url"
  status=$(curl --silent --show-error --max-time 10 --request "$method" "$url" "$@" \
    --dump-header "$scratch/headers" --output "$scratch/body" --write-out '%{http_code}' 2>"$scratch/trouble")
  local code=$?
  slurp headers "$scratch/headers"
  slurp body "$scratch/body"
  slurp trouble "$scratch/trouble"
  return "$code"
}

# read_api PATH [CURL OPTION...]: a GET as a tenant that may read.
read_api() {
  local path=$1
  shift
  ask GET "$api$path" --header 'X-PowerX-Tenant: acme' --header 'X-PowerX-Permissions: customers:read,orders:read' "$@"
}

# slurp VARIABLE FILE: without a process of its own, which is what makes a shell slow.
slurp() { IFS= read -r -d '' "$1" <"$2" || true; }

# fail TEXT: what a case says when it does not hold.
fail() { message=$1; return 1; }

expect_status() { [[ $status == "$1" ]] || fail "status: expected $1, found $status"; }

# holds FILTER TEXT: the jq filter must be true of the body.
holds() { jq --exit-status "$1" <<<"$body" &>/dev/null || fail "$2"; }

has_header() { [[ ${headers,,} == *$'\n'"$1"$'\r\n'* ]] || fail "no header \`$1\`"; }

health() { ask GET "$SANDBOX_BASE_URL/healthz" && expect_status 200 && holds '.status == "ok" and .database == "ok"' 'not healthy'; }

health_needs_no_tenant() { ask GET "$SANDBOX_BASE_URL/healthz" --header 'X-PowerX-Tenant:' && expect_status 200; }

server_without_version() { read_api '/customers?limit=1' && expect_status 200 && has_header 'server: customer-desk'; }

json_with_charset() { read_api '/customers?limit=1' && has_header 'content-type: application/json; charset=utf-8'; }

customers_ascending() {
  read_api '/customers?limit=50' && expect_status 200 &&
    holds '[.items[].customer_id] | length == 50 and . == (sort | unique)' 'ids are not ascending'
}

customers_malformed_country() {
  read_api '/customers?country=germany' && expect_status 400 && holds '.error.fields | has("country")' 'country is not named'
}

orders_need_permission() {
  ask GET "$api/statistics/orders" --header 'X-PowerX-Tenant: acme' && expect_status 403 &&
    holds '.error.code == "forbidden"' 'another code'
}

unknown_route() { read_api '/nothing-here' && expect_status 404 && holds '.error.code == "not_found"' 'another code'; }

# now VARIABLE: the microseconds since 1970.
now() { printf -v "$1" '%s' "${EPOCHREALTIME//[.,]/}"; }

# quoted VARIABLE TEXT: the text as a JSON string.
quoted() {
  local text=${2:0:1500}
  text=${text//\\/\\\\} text=${text//\"/\\\"} text=${text//$'\n'/\\n} text=${text//$'\r'/\\r} text=${text//$'\t'/\\t}
  printf -v "$1" '"%s"' "${text//[[:cntrl:]]/?}"
}

# run NAME FUNCTION: time a case and append its result; what ran is kept, should the suite be ended.
run() {
  local started ended outcome says sent received
  message='' request='' status='' headers='' body='' trouble=''
  now started
  if ((SECONDS > ends)); then outcome=skipped message='the deadline had passed'
  elif "$2"; then outcome=passed
  elif [[ -z $message ]]; then outcome=error message=$trouble code=1
  else outcome=failed code=1; fi
  now ended
  quoted says "$message"
  quoted sent "$request"
  quoted received "$headers$body"
  printf '{"case":"%s","suite":"%s","outcome":"%s","seconds":%d.%06d,"attempt":1,"message":%s,"request":%s,"response":%s,"tags":["shell"]}\n' \
    "$1" "$suite" "$outcome" $(((ended - started) / 1000000)) $(((ended - started) % 1000000)) \
    "$says" "$sent" "$received" >>"$SANDBOX_RESULTS"
}

run health health
run health-needs-no-tenant health_needs_no_tenant
run server-without-version server_without_version
run json-with-charset json_with_charset
run customers-ascending customers_ascending
run customers-malformed-country customers_malformed_country
run orders-need-permission orders_need_permission
run unknown-route unknown_route
exit "$code"

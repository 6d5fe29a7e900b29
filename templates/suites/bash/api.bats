# Begin here: one test is one case of the report. The runner has bats, curl and jq.

api=$SANDBOX_BASE_URL/api/v1
tenant=(--header 'X-PowerX-Tenant: acme' --header 'X-PowerX-Permissions: customers:read')

# get URL [CURL OPTION...]: sets $status and $body.
get() {
  body=$(curl --silent --show-error --max-time 10 --write-out '\n%{http_code}' "$@")
  status=${body##*$'\n'}
  body=${body%$'\n'*}
}

# holds FILTER: the jq filter must be true of the body.
holds() { jq --exit-status "$1" <<<"$body"; }

@test "health" {
  get "$SANDBOX_BASE_URL/healthz"
  [ "$status" = 200 ]
  holds '.status == "ok"'
}

@test "page of customers" {
  get "$api/customers?limit=2" "${tenant[@]}"
  [ "$status" = 200 ]
  holds '.items | length == 2 and (.[0] | has("national_id") | not)'
}

@test "tenant is needed" {
  get "$api/customers"
  [ "$status" = 401 ]
  holds '.error.code == "unauthenticated"'
}

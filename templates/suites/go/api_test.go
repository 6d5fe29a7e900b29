// Begin here: one test is one case of the report.
package suite

import "testing"

func TestHealth(t *testing.T) {
	c := begin(t)
	answer := c.get("/healthz", nil)
	c.status(answer, 200)
	if answer.body["status"] != "ok" {
		c.fail("not healthy: %v", answer.body)
	}
}

func TestPageOfCustomers(t *testing.T) {
	c := begin(t)
	answer := c.get("/api/v1/customers?limit=2", tenant)
	c.status(answer, 200)
	items, _ := answer.body["items"].([]any)
	if len(items) != 2 {
		c.fail("expected 2 customers, found %d", len(items))
	}
	if _, shown := items[0].(map[string]any)["national_id"]; shown {
		c.fail("national_id is shown")
	}
}

func TestTenantIsNeeded(t *testing.T) {
	c := begin(t)
	answer := c.get("/api/v1/customers", nil)
	c.status(answer, 401)
}

package suite

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"
)

var (
	client = &http.Client{Timeout: 10 * time.Second}
	tenant = map[string]string{"X-PowerX-Tenant": "acme", "X-PowerX-Permissions": "customers:read"}
)

// check is one test, whose result is written as soon as it ends: what ran is kept, should the suite be ended.
type check struct {
	t                          *testing.T
	started                    time.Time
	message, request, response string
	wrong                      bool // the case could not be made
}

type answer struct {
	code int
	body map[string]any
}

func begin(t *testing.T) *check {
	t.Helper()
	c := &check{t: t, started: time.Now()}
	t.Cleanup(c.end)
	return c
}

// fail says what does not hold, and ends the test.
func (c *check) fail(format string, values ...any) {
	c.t.Helper()
	c.message = fmt.Sprintf(format, values...)
	c.t.Fatal(c.message)
}

func (c *check) status(found answer, wanted int) {
	c.t.Helper()
	if found.code != wanted {
		c.fail("status: expected %d, found %d", wanted, found.code)
	}
}

// get asks the plugin; no answer is an error of the case, not a failure of the plugin.
func (c *check) get(path string, headers map[string]string) answer {
	c.t.Helper()
	request, err := http.NewRequest(http.MethodGet, os.Getenv("SANDBOX_BASE_URL")+path, nil)
	c.sure(err)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	c.request = "GET " + path
	response, err := client.Do(request)
	c.sure(err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	c.sure(err)
	c.response = response.Status + "\n\n" + string(content[:min(len(content), 1500)])
	found := answer{code: response.StatusCode}
	if len(content) > 0 {
		c.sure(json.Unmarshal(content, &found.body))
	}
	return found
}

func (c *check) sure(err error) {
	c.t.Helper()
	if err != nil {
		c.wrong = true
		c.fail("%v", err)
	}
}

func (c *check) end() {
	outcome := "passed"
	switch {
	case c.wrong:
		outcome = "error"
	case c.t.Failed():
		outcome = "failed"
	case c.t.Skipped():
		outcome = "skipped"
	}
	line, err := json.Marshal(map[string]any{
		"case": c.t.Name(), "outcome": outcome, "seconds": time.Since(c.started).Seconds(),
		"message": c.message, "request": c.request, "response": c.response,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	file, err := os.OpenFile(os.Getenv("SANDBOX_RESULTS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		c.t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		c.t.Fatal(err)
	}
}

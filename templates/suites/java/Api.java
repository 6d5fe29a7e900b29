/** Begin here: one `run` is one case of the report. */
public final class Api {
    public static void main(String[] arguments) throws Exception {
        var cases = new Cases();

        cases.run("health", () -> {
            var answer = cases.get("/healthz");
            cases.equal(200, answer.statusCode(), "status");
            cases.holds(answer.body().contains("\"status\": \"ok\"") || answer.body().contains("\"status\":\"ok\""), "not healthy");
        });

        cases.run("page of customers", () -> {
            var answer = cases.get("/api/v1/customers?limit=2", Cases.TENANT);
            cases.equal(200, answer.statusCode(), "status");
            cases.equal(2, answer.body().split("\"customer_id\"", -1).length - 1, "customers");
            cases.holds(!answer.body().contains("national_id"), "national_id is shown");
        });

        cases.run("tenant is needed", () -> {
            var answer = cases.get("/api/v1/customers");
            cases.equal(401, answer.statusCode(), "status");
        });

        System.exit(cases.code());
    }

    private Api() {}
}

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Locale;

/** Cases one after the other; the result of each is written as soon as it ends. */
final class Cases {
    static final String[] TENANT = {"X-PowerX-Tenant", "acme", "X-PowerX-Permissions", "customers:read"};
    private static final int KEPT = 1500; // characters of a response that a report shows

    private final HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
    private String request = "";
    private String response = "";
    private int code;

    interface Check {
        void run() throws Exception;
    }

    static final class Unlike extends RuntimeException {
        Unlike(String message) {
            super(message);
        }
    }

    /** Run one case: what it throws tells whether the plugin is wrong or the case could not be made. */
    void run(String name, Check check) throws IOException {
        request = "";
        response = "";
        var started = System.nanoTime();
        var outcome = "passed";
        var message = "";
        try {
            check.run();
        } catch (Unlike unlike) {
            outcome = "failed";
            message = unlike.getMessage();
        } catch (Exception error) {
            outcome = "error";
            message = error.toString();
        }
        code = outcome.equals("passed") ? code : 1;
        var line = String.format(Locale.ROOT,
            "{\"case\":%s,\"outcome\":\"%s\",\"seconds\":%.6f,\"message\":%s,\"request\":%s,\"response\":%s}\n",
            quoted(name), outcome, (System.nanoTime() - started) / 1e9, quoted(message), quoted(request), quoted(response));
        Files.writeString(Path.of(System.getenv("SANDBOX_RESULTS")), line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    HttpResponse<String> get(String path, String... headers) throws Exception {
        var asked = HttpRequest.newBuilder(URI.create(System.getenv("SANDBOX_BASE_URL") + path)).timeout(Duration.ofSeconds(10));
        if (headers.length > 0) {
            asked.headers(headers);
        }
        request = "GET " + path;
        var answer = client.send(asked.build(), HttpResponse.BodyHandlers.ofString());
        var body = answer.body();
        response = answer.statusCode() + "\n\n" + body.substring(0, Math.min(body.length(), KEPT));
        return answer;
    }

    void equal(Object expected, Object found, String what) {
        holds(expected.equals(found), what + ": expected " + expected + ", found " + found);
    }

    void holds(boolean condition, String message) {
        if (!condition) {
            throw new Unlike(message);
        }
    }

    /** The exit code: 0 all passed, 1 not. */
    int code() {
        return code;
    }

    private static String quoted(String text) {
        var said = new StringBuilder("\"");
        for (var letter : text.toCharArray()) {
            if (letter < ' ' || letter == '"' || letter == '\\' || Character.isSurrogate(letter)) {
                said.append(String.format("\\u%04x", (int) letter));
            } else {
                said.append(letter);
            }
        }
        return said.append('"').toString();
    }
}

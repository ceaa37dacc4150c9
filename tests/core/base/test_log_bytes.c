/* A log line as JSON with each byte there is in it. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"

static char captured[16384];

/* What one call of pos_log writes to stderr. */
#define CAPTURE(...)                                                                               \
    do {                                                                                           \
        int ends[2], kept = dup(STDERR_FILENO);                                                    \
        cr_assert(kept >= 0 && pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) >= 0);              \
        pos_log(__VA_ARGS__);                                                                      \
        (void)dup2(kept, STDERR_FILENO);                                                           \
        (void)close(kept);                                                                         \
        (void)close(ends[1]);                                                                      \
        ssize_t got = read(ends[0], captured, sizeof captured - 1);                                \
        captured[got < 0 ? 0 : got] = '\0';                                                        \
        (void)close(ends[0]);                                                                      \
    } while (0)

Test(log_bytes, each_byte_leaves_valid_json)
{
    json_error_t error;
    pos_log_set_json(true);
    for (int c = 1; c < 256; c++) {
        if (c == '"' || c == ' ')
            continue; /* these end a value */
        CAPTURE(POS_LOG_INFO, "event", "key=a%cb", c);
        json_t *line = json_loads(captured, 0, &error);
        cr_expect_not_null(line, "%02X: %s", (unsigned)c, captured);
        cr_expect_not_null(json_string_value(json_object_get(line, "key")));
        json_decref(line);
    }
}

Test(log_bytes, the_longest_line_is_whole)
{
    json_error_t error;
    char much[4096];
    pos_log_set_json(true);
    memset(much, 0xFF, sizeof much - 1);
    much[sizeof much - 1] = '\0';
    CAPTURE(POS_LOG_INFO, "long", "text=%s", much);
    json_t *line = json_loads(captured, 0, &error);
    cr_expect_not_null(line, "%s", error.text);
    cr_expect(captured[0] != '\0' && captured[strlen(captured) - 1] == '\n');
    json_decref(line);
}

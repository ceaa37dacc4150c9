#include "tests/bench/program.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { OUTPUT_SIZE_MAX = 1 << 20 }; /* a sweep with its curves */

char *run(const char *line, int *code)
{
    size_t size = 0, got;
    char *text = calloc(1, OUTPUT_SIZE_MAX + 1);
    FILE *pipe = popen(line, "re");
    cr_assert_not_null(pipe);
    while (size < OUTPUT_SIZE_MAX &&
           (got = fread(text + size, 1, OUTPUT_SIZE_MAX - size, pipe)) > 0)
        size += got;
    int status = pclose(pipe);
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return text;
}

json_t *run_json(const char *line, int *code)
{
    json_error_t error;
    char *text = run(line, code);
    json_t *report = json_loads(text, 0, &error);
    cr_assert_not_null(report, "%s: %s\n%s", line, error.text, text);
    free(text);
    return report;
}

double number_at(json_t *object, const char *key, const char *inside)
{
    json_t *value = json_object_get(object, key);
    if (inside != NULL)
        value = json_object_get(value, inside);
    cr_assert(json_is_number(value), "%s", key);
    return json_number_value(value);
}

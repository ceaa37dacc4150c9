#include "tests/bench/program.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "bench/folder.h"

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

json_t *run_report(const char *line, int *code)
{
    char folder[POS_PATH_SIZE_MAX], page[POS_PATH_SIZE_MAX + 32], whole[8192];
    struct pos_error error;
    int page_code;
    cr_assert_eq(pos_folder_make(NULL, folder, &error), POS_OK);
    (void)snprintf(page, sizeof page, "%s/a <page> & 'more'.html", folder);
    (void)snprintf(whole, sizeof whole, "cd %s && %s --html \"%s\"", folder, line, page);
    json_t *report = run_json(whole, code);
    (void)snprintf(whole, sizeof whole, "%s/report.json", folder);
    cr_assert_eq(json_dump_file(report, whole, 0), 0);
    (void)snprintf(whole, sizeof whole,
                   "/usr/bin/python3 " POSGATE_SOURCE_DIR
                   "/tests/bench/check_page.py \"%s\" %s/report.json 2>&1",
                   page, folder);
    char *said = run(whole, &page_code);
    cr_expect_eq(page_code, 0, "%s: its page: %s", line, said);
    free(said);
    pos_folder_remove(folder);
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

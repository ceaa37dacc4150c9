/* How and on what it was measured: whatever the report says of itself, so that nothing is missing
 * here that is stated there. */
#include <string.h>

#include "bench/page_inside.h"

/* "duration_s" as people say it. */
static void write_name(FILE *to, const char *key)
{
    for (const char *at = key; *at != '\0'; at++) {
        const char letter[2] = {*at == '_' ? ' ' : *at, '\0'};
        pos_html_text(to, letter);
    }
}

static void write_value(FILE *to, json_t *value)
{
    char text[POS_NUMBER_SIZE];
    if (json_is_string(value)) {
        pos_html_text(to, json_string_value(value));
    } else if (json_is_boolean(value)) {
        pos_html_text(to, json_is_true(value) ? "yes" : "no");
    } else {
        pos_html_number(text, json_number_value(value));
        pos_page_data(to, json_number_value(value), text);
    }
}

static bool is_plain(json_t *value)
{
    return json_is_string(value) ? json_string_length(value) > 0
                                 : json_is_number(value) || json_is_boolean(value);
}

/* What stands elsewhere on the page. */
static bool is_elsewhere(const char *key)
{
    static const char *const keys[] = {"command", "command_line", "machine", "note",
                                       "commit",  "version",      "started"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

static void write_list(FILE *to, const char *title, json_t *from, bool all)
{
    const char *key;
    json_t *value;
    (void)fprintf(to, "<div><h3>%s</h3>\n<dl>\n", title);
    json_object_foreach(from, key, value)
    {
        if (!is_plain(value) || (!all && is_elsewhere(key)))
            continue;
        (void)fputs("<dt>", to);
        write_name(to, key);
        (void)fputs("</dt><dd>", to);
        write_value(to, value);
        (void)fputs("</dd>\n", to);
    }
    (void)fputs("</dl></div>\n", to);
}

void pos_page_conditions(json_t *report, FILE *to)
{
    pos_page_section(to, "How it was measured",
                     "Figures of runs that differ here are not the same figures; posgate-bench "
                     "compare names such differences.");
    (void)fputs("<div class=\"columns\">\n", to);
    write_list(to, "Options and conditions", report, false);
    (void)fputs("<div>", to);
    write_list(to, "Machine", json_object_get(report, "machine_details"), true);
    write_list(to, "Versions", json_object_get(report, "versions"), true);
    (void)fputs("</div>\n</div>\n</section>\n", to);
}

/* What was answered, by code, and what was not. */
#include <string.h>

#include "bench/page_inside.h"
#include "core/wire/response.h"

static const struct {
    const char *key, *name;
} failures[] = {{"unanswered", "unanswered"},
                {"lost_connections", "lost connections"},
                {"unmatched", "unmatched replies"},
                {"unreadable", "unreadable streams"}};
enum { FAILURE_COUNT = sizeof failures / sizeof failures[0] };

/* Of a server, or of all steps of one that was swept. */
static json_t *outcome_of(json_t *server)
{
    json_t *sum = json_object(), *codes = json_object(), *point;
    size_t i;
    json_object_set_new(sum, "codes", codes);
    json_array_foreach(json_object_get(server, "points"), i, point)
    {
        const char *code;
        json_t *count;
        json_object_foreach(json_object_get(point, "codes"), code, count) json_object_set_new(
            codes, code,
            json_integer((json_int_t)(pos_page_number(codes, code) + json_number_value(count))));
        for (size_t f = 0; f < FAILURE_COUNT; f++)
            json_object_set_new(
                sum, failures[f].key,
                json_integer((json_int_t)(pos_page_number(sum, failures[f].key) +
                                          pos_page_number(point, failures[f].key))));
        json_object_set_new(sum, "replies",
                            json_integer((json_int_t)(pos_page_number(sum, "replies") +
                                                      pos_page_number(point, "replies"))));
    }
    if (json_object_get(server, "points") != NULL)
        return sum;
    json_decref(sum);
    return json_incref(server);
}

/* What field 39 says; "" for what is none, and for replies of a denominator. */
static const char *meaning(const char *code)
{
    for (int i = 0; i < POS_RESPONSE_COUNT; i++)
        if (strcmp(pos_response_code((enum pos_response)i), code) == 0)
            return pos_response_meaning((enum pos_response)i);
    return "";
}

static void write_row(FILE *to, const char *what, const char *more, double count, bool bad)
{
    char text[POS_NUMBER_SIZE];
    pos_html_number(text, count);
    (void)fputs("<tr><th scope=\"row\">", to);
    pos_html_text(to, what);
    (void)fprintf(to, "</th><td class=\"n%s\">", bad ? " bad" : "");
    pos_page_data(to, count, text);
    (void)fputs("</td><td>", to);
    pos_html_text(to, more);
    (void)fputs("</td></tr>\n", to);
}

static void write_server(json_t *server, FILE *to)
{
    json_t *outcome = outcome_of(server), *count;
    const char *code;
    (void)fputs("<div><h3>", to);
    pos_html_text(to, pos_page_text(server, "name"));
    (void)fputs("</h3>\n<table>\n<tbody>\n", to);
    write_row(to, "replies", "", pos_page_number(outcome, "replies"), false);
    json_object_foreach(json_object_get(outcome, "codes"), code, count)
    {
        char what[32];
        (void)snprintf(what, sizeof what, "code %.8s", code);
        write_row(to, what, meaning(code), json_number_value(count), false);
    }
    for (size_t i = 0; i < FAILURE_COUNT; i++) {
        double value = pos_page_number(outcome, failures[i].key);
        write_row(to, failures[i].name, "", value, value > 0);
    }
    (void)fputs("</tbody>\n</table></div>\n", to);
    json_decref(outcome);
}

static bool has_outcome(json_t *server)
{
    return json_object_get(server, "codes") != NULL || json_object_get(server, "points") != NULL;
}

void pos_page_outcome(json_t *report, FILE *to)
{
    json_t *servers = pos_page_all(report), *server;
    size_t i;
    if (!has_outcome(json_array_get(servers, 0)))
        return;
    pos_page_section(to, "Replies by code",
                     "All rounds. Failures while warming up count as well; a run with any that "
                     "was not to be ends with 1.");
    (void)fputs("<div class=\"columns\">\n", to);
    json_array_foreach(servers, i, server) write_server(server, to);
    (void)fputs("</div>\n</section>\n", to);
}

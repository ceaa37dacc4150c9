/* What the parts of a page share. */
#include <string.h>

#include "bench/page_inside.h"

double pos_page_number(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

const char *pos_page_text(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

json_t *pos_page_all(json_t *report)
{
    static const char *const names[] = {"servers", "sweep", "traces"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_t *found = json_object_get(report, names[i]);
        if (json_array_size(found) > 0)
            return found;
    }
    return NULL;
}

static bool is_denominator(json_t *server)
{
    return strcmp(pos_page_text(server, "role"), "denominator") == 0;
}

void pos_page_class(json_t *servers, size_t i, char class_name[POS_PAGE_CLASS_SIZE])
{
    json_t *server = json_array_get(servers, i);
    bool beside = is_denominator(server);
    unsigned before = 0;
    if (strstr(pos_page_text(server, "name"), " again") != NULL) { /* of --aa: the same twice */
        (void)snprintf(class_name, POS_PAGE_CLASS_SIZE, "d3");
        return;
    }
    for (size_t j = 0; j < i; j++)
        before += is_denominator(json_array_get(servers, j)) == beside;
    (void)snprintf(class_name, POS_PAGE_CLASS_SIZE, "%c%u", beside ? 'd' : 's', before % 4);
}

void pos_page_legend(json_t *servers, const char *key, FILE *to)
{
    char class_name[POS_PAGE_CLASS_SIZE];
    json_t *server;
    size_t i;
    (void)fputs("<p class=\"legend\">", to);
    json_array_foreach(servers, i, server)
    {
        if (json_object_get(server, key) == NULL)
            continue;
        pos_page_class(servers, i, class_name);
        (void)fprintf(to, "<span class=\"%s\"><i></i>", class_name);
        pos_html_text(to, pos_page_text(server, "name"));
        (void)fputs("</span> ", to);
    }
    (void)fputs("</p>\n", to);
}

void pos_page_section(FILE *to, const char *title, const char *explanation)
{
    (void)fprintf(to, "<section>\n<h2>%s</h2>\n<p class=\"why\">%s</p>\n", title, explanation);
}

void pos_page_data(FILE *to, double value, const char *shown)
{
    (void)fprintf(to, "<data value=\"%.6g\">", value);
    pos_html_text(to, shown);
    (void)fputs("</data>", to);
}

void pos_page_spread(FILE *to, json_t *summary, void (*write)(char *text, double value))
{
    char median[POS_NUMBER_SIZE], low[POS_NUMBER_SIZE], high[POS_NUMBER_SIZE];
    write(median, pos_page_number(summary, "median"));
    write(low, pos_page_number(summary, "low"));
    write(high, pos_page_number(summary, "high"));
    pos_page_data(to, pos_page_number(summary, "median"), median);
    (void)fputs("<small>", to);
    pos_page_data(to, pos_page_number(summary, "low"), low);
    (void)fputs(" – ", to);
    pos_page_data(to, pos_page_number(summary, "high"), high);
    (void)fputs("</small>", to);
}

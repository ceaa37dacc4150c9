#include "bench/page.h"

#include <jansson.h>
#include <stdlib.h>

#include "bench/html.h"

/* So that the page alone is enough to compare with another run. */
static void write_json(json_t *report, FILE *to)
{
    char *text = json_dumps(report, JSON_COMPACT | JSON_REAL_PRECISION(6));
    (void)fputs("<pre>", to);
    pos_html_text(to, text);
    (void)fputs("</pre>\n", to);
    free(text);
}

void pos_page_write(json_t *report, FILE *to)
{
    (void)fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<title>",
                to);
    pos_html_text(to, json_string_value(json_object_get(report, "command_line")));
    (void)fputs("</title>\n</head>\n<body>\n", to);
    write_json(report, to);
    (void)fputs("</body>\n</html>\n", to);
}

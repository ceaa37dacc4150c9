#include "bench/page.h"

#include <stdlib.h>
#include <string.h>

#include "bench/page_inside.h"

static void write_head(json_t *report, FILE *to)
{
    (void)fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>",
                to);
    pos_html_format(to, "posgate-bench %s, %s", pos_page_text(report, "command"),
                    pos_page_text(report, "started"));
    (void)fputs("</title>\n<style>\n", to);
    (void)fputs(pos_page_style, to);
    (void)fputs("</style>\n</head>\n", to);
}

static void write_title(json_t *report, FILE *to)
{
    (void)fputs("<header>\n<h1>posgate-bench <b>", to);
    pos_html_text(to, pos_page_text(report, "command"));
    (void)fputs("</b></h1>\n<p class=\"command\"><code>", to);
    pos_html_text(to, pos_page_text(report, "command_line"));
    (void)fputs("</code></p>\n<p class=\"where\">", to);
    pos_html_format(to, "%s · %s · %s, commit %s", pos_page_text(report, "started"),
                    pos_page_text(report, "machine"), pos_page_text(report, "version"),
                    pos_page_text(report, "commit"));
    (void)fputs("</p>\n</header>\n", to);
}

/* So that the page alone is enough to compare with another run. */
static void write_json(json_t *report, FILE *to)
{
    char *text = json_dumps(report, JSON_COMPACT | JSON_REAL_PRECISION(6));
    (void)fputs("<details>\n<summary>The report in JSON</summary>\n<pre>", to);
    pos_html_text(to, text);
    (void)fputs("</pre>\n</details>\n", to);
    free(text);
}

static void write_note(json_t *report, FILE *to)
{
    const char *note = pos_page_text(report, "note");
    if (note[0] == '\0')
        return;
    (void)fputs("<p class=\"why\">", to);
    pos_html_text(to, note);
    (void)fputs("</p>\n", to);
}

void pos_page_write(json_t *report, FILE *to)
{
    static void (*const parts[])(json_t *, FILE *) = {
        pos_page_summary, pos_page_targets, pos_page_ratios,     pos_page_sweep,
        pos_page_latency, pos_page_course,  pos_page_subjects,   pos_page_servers,
        pos_page_outcome, write_note,       pos_page_conditions, write_json};
    write_head(report, to);
    (void)fputs("<body>\n<main>\n", to);
    write_title(report, to);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        parts[i](report, to);
    (void)fputs("</main>\n</body>\n</html>\n", to);
}

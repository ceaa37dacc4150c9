#include "bench/html.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { TEXT_SIZE = 1024 };

void pos_html_text(FILE *to, const char *text)
{
    for (const char *at = text; at != NULL && *at != '\0'; at++)
        switch (*at) {
        case '&':
            (void)fputs("&amp;", to);
            break;
        case '<':
            (void)fputs("&lt;", to);
            break;
        case '>':
            (void)fputs("&gt;", to);
            break;
        case '"':
            (void)fputs("&quot;", to);
            break;
        default:
            if ((unsigned char)*at < ' ' && *at != '\n' && *at != '\t')
                (void)fputs("\xef\xbf\xbd", to);
            else
                (void)fputc(*at, to);
        }
}

void pos_html_format(FILE *to, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pos_html_text(to, text);
}

static int decimals(double value)
{
    double size = fabs(value);
    return size >= 99.95 || size == 0 ? 0
           : size >= 9.995            ? 1
           : size >= 0.9995           ? 2
           : size >= 0.01             ? 3
                                      : 5;
}

/* A comma before each three digits that stand in front of the point. */
static void part_thousands(char *text)
{
    size_t sign = text[0] == '-', size = strlen(text), whole = strcspn(text, ".") - sign;
    for (size_t digits = 3; digits < whole && size + 1 < POS_NUMBER_SIZE; digits += 3, size++) {
        char *at = text + sign + whole - digits;
        memmove(at + 1, at, strlen(at) + 1);
        *at = ',';
    }
}

void pos_html_number(char *text, double value)
{
    (void)snprintf(text, POS_NUMBER_SIZE, "%.*f", decimals(value), value);
    part_thousands(text);
}

void pos_html_time(char *text, double us)
{
    static const struct {
        double of_us;
        const char *name;
    } units[] = {{1e6, "s"}, {1e3, "ms"}, {1, "µs"}, {1e-3, "ns"}};
    size_t i = 0;
    while (i < 3 && us < 0.9995 * units[i].of_us)
        i++;
    if (us <= 0)
        i = 2;
    char number[POS_NUMBER_SIZE];
    pos_html_number(number, us / units[i].of_us);
    (void)snprintf(text, POS_NUMBER_SIZE, "%.20s %s", number, units[i].name);
}

void pos_html_nanoseconds(char *text, double ns)
{
    pos_html_time(text, ns / 1e3);
}

void pos_html_ratio(char *text, double ratio)
{
    char number[POS_NUMBER_SIZE];
    pos_html_number(number, ratio);
    (void)snprintf(text, POS_NUMBER_SIZE, "%.24s ×", number);
}

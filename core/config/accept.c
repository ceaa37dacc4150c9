/* Texts of a kind that several programs' settings have. */
#include <string.h>

#include "core/config/config.h"

bool pos_config_accept_name(const char *text, struct pos_buffer *reason)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    if (text[strspn(text, allowed)] == '\0')
        return true;
    pos_buffer_format(reason, "= \"%.40s\" may hold letters, digits, - and _ only", text);
    return false;
}

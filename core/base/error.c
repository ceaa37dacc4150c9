#include "core/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum pos_status pos_error_set(struct pos_error *error, enum pos_status status, const char *format,
                              ...)
{
    if (error == NULL)
        return status;
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return status;
}

enum pos_status pos_error_prefix(struct pos_error *error, const char *format, ...)
{
    char rest[POS_ERROR_TEXT_SIZE];
    memcpy(rest, error->text, sizeof rest);
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    if (used >= 0 && (size_t)used < sizeof error->text)
        (void)snprintf(error->text + used, sizeof error->text - (size_t)used, ": %s", rest);
    return error->status;
}

#include "keymgmt/template.h"

#include <assert.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/hex.h"

static const char of_file[] = "Bnflmdt%";
static const char of_key[] = "icbk";

static bool known(char placeholder, enum pos_template_scope scope)
{
    if (placeholder == '\0')
        return false;
    return strchr(of_file, placeholder) != NULL ||
           (scope == POS_TEMPLATE_KEY && strchr(of_key, placeholder) != NULL);
}

bool pos_template_valid(const char *text, enum pos_template_scope scope, struct pos_buffer *reason)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7E) {
            pos_buffer_put_text(reason, "may hold characters 20 to 7E only");
            return false;
        }
        if (*text != '%')
            continue;
        text++;
        if (known(*text, scope))
            continue;
        if (*text == '\0')
            pos_buffer_put_text(reason, "ends with a lone %; a percent sign is %%");
        else
            pos_buffer_format(reason, "has %%%c, which is no placeholder here; there are %s%s",
                              *text, scope == POS_TEMPLATE_KEY ? "%i %c %b %k " : "",
                              "%B %n %f %l %m %d %t %%");
        return false;
    }
    return true;
}

bool pos_template_has(const char *text, char placeholder)
{
    for (; *text != '\0'; text++)
        if (*text == '%' && *++text == placeholder)
            return true;
    return false;
}

static void put_of_file(char placeholder, const struct pos_template_file *file,
                        struct pos_buffer *line)
{
    struct pos_time now = pos_time_utc(file->utc_ms);
    switch (placeholder) {
    case 'B':
        pos_buffer_format(line, "%08u", file->batch);
        break;
    case 'n':
        pos_buffer_format(line, "%u", file->count);
        break;
    case 'f':
        pos_buffer_format(line, "%08u", file->first);
        break;
    case 'l':
        pos_buffer_format(line, "%08u", file->last);
        break;
    case 'm':
        pos_buffer_put_text(line, file->mother);
        break;
    case 'd':
        pos_buffer_format(line, "%04d%02d%02d", now.year, now.month, now.day);
        break;
    case 't':
        pos_buffer_format(line, "%02d%02d%02d", now.hour, now.minute, now.second);
        break;
    default:
        pos_buffer_put_u8(line, '%');
        break;
    }
}

static enum pos_status put_kcv(const struct pos_template_key *key, struct pos_buffer *line)
{
    char text[2 * POS_KCV_SIZE_MAX + 1];
    pos_hex_encode(pos_bytes(key->kcv.data, key->kcv.size), text);
    if (key->kcv_digits > 2u * key->kcv.size)
        return POS_ERR_LENGTH;
    pos_buffer_put(line, pos_bytes(text, key->kcv_digits));
    return POS_OK;
}

static enum pos_status put_of_key(char placeholder, const struct pos_template_key *key,
                                  struct pos_buffer *line)
{
    switch (placeholder) {
    case 'i':
        pos_buffer_format(line, "%08u", key->index);
        return POS_OK;
    case 'c':
        pos_buffer_put(line, key->ciphertext);
        return POS_OK;
    case 'b':
        pos_buffer_put(line, key->block);
        return POS_OK;
    default:
        return put_kcv(key, line);
    }
}

enum pos_status pos_template_expand(const char *text, const struct pos_template_file *file,
                                    const struct pos_template_key *key, struct pos_buffer *line)
{
    enum pos_status status = POS_OK;
    for (; *text != '\0' && status == POS_OK; text++) {
        if (*text != '%') {
            pos_buffer_put_u8(line, (uint8_t)*text);
            continue;
        }
        text++;
        assert(known(*text, key != NULL ? POS_TEMPLATE_KEY : POS_TEMPLATE_FILE));
        if (strchr(of_file, *text) != NULL)
            put_of_file(*text, file, line);
        else
            status = put_of_key(*text, key, line);
    }
    return status == POS_OK && line->overflow ? POS_ERR_LENGTH : status;
}

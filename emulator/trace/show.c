#include "emulator/trace/show.h"

#include <jansson.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/hex.h"
#include "emulator/trace/mask.h"

enum { ROUTE_TEXT_SIZE = 2 * (POS_TPDU_SIZE + POS_HEADER_SIZE) + 1 };

static const char *name_of(enum pos_event_kind kind)
{
    static const char *const names[] = {
        [POS_EVENT_MESSAGE] = "message", [POS_EVENT_KEEP_ALIVE] = "keep-alive",
        [POS_EVENT_FRAME] = "bad-frame", [POS_EVENT_CUT] = "cut",
        [POS_EVENT_GAP] = "gap",         [POS_EVENT_GUESS] = "guess",
    };
    return names[kind];
}

static struct pos_mask_message mask_of(const struct pos_event *event)
{
    return (struct pos_mask_message){.message = event->message,
                                     .rule = event->rule,
                                     .reply = event->reply,
                                     .whole = event->error.reason == POS_DECODE_OK};
}

/* "0800 register", "0810 register reply". */
static void title_of(const struct pos_event *event, char *text, size_t size)
{
    const char *kind = event->rule == NULL ? "unknown" : event->rule->name;
    (void)snprintf(text, size, "%04X %s%s", event->message->mti, kind,
                   event->reply ? " reply" : "");
}

/* ---- for people ---- */

static void print_key(FILE *to, const struct pos_event *event, const char *name, unsigned field)
{
    char text[POS_MASK_TEXT_SIZE];
    struct pos_mask_message what = mask_of(event);
    if (!pos_message_has(event->message, field) ||
        pos_mask_field(&what, field, text) == POS_MASK_HIDDEN)
        return;
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] == ' ')
        size--;
    (void)fprintf(to, " %s=%.*s", name, (int)size, text);
}

static void print_front(FILE *to, const struct pos_event *event)
{
    char time[POS_TIME_TEXT_SIZE];
    if (event->time_ns != 0) {
        pos_time_text(event->time_ns / 1000000, 0, time);
        time[strlen(time) - 1] = '\0'; /* the Z goes behind the microseconds */
        (void)fprintf(to, "%s.%06uZ ", time, (unsigned)(event->time_ns / 1000 % 1000000));
    }
    if (event->from != NULL)
        (void)fprintf(to, "%s > %s ", event->from, event->to);
}

static void print_field(FILE *to, const struct pos_event *event, unsigned field)
{
    char text[POS_MASK_TEXT_SIZE];
    struct pos_mask_message what = mask_of(event);
    const struct pos_field_view *view = &event->message->fields[field];
    enum pos_mask mask = pos_mask_field(&what, field, text);
    (void)fprintf(to, "  %5u  %3u  %-26s ", view->offset, field, pos_field_name(field));
    if (mask == POS_MASK_HIDDEN)
        (void)fprintf(to, "(hidden, length %u)\n", view->count);
    else
        (void)fprintf(to, "%s\n", text);
}

static void print_fields(FILE *to, const struct pos_event *event)
{
    if (event->frame.tpdu.size > 0) {
        char tpdu[2 * POS_TPDU_SIZE + 1], header[2 * POS_HEADER_SIZE + 1];
        pos_hex_encode(event->frame.tpdu, tpdu);
        pos_hex_encode(event->frame.header, header);
        (void)fprintf(to, "              %-26s %s, %s\n", "TPDU, header", tpdu, header);
    }
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++)
        if (pos_message_has(event->message, field))
            print_field(to, event, field);
}

static void print_message(const struct pos_show *show, const struct pos_event *event)
{
    char title[64];
    title_of(event, title, sizeof title);
    (void)fprintf(show->to, "%s %s, %zu bytes", event->dialect->name, title,
                  event->frame.message.size);
    print_key(show->to, event, "code", 39);
    print_key(show->to, event, "stan", 11);
    print_key(show->to, event, "tid", 41);
    print_key(show->to, event, "smn", 62);
    if (event->latency_ns != POS_EVENT_NO_LATENCY)
        (void)fprintf(show->to, " after_ms=%.3f", (double)event->latency_ns / 1e6);
    if (event->error.reason != POS_DECODE_OK)
        (void)fprintf(show->to, " WRONG: field %u at offset %u: %s", event->error.field,
                      event->error.offset, pos_decode_reason_text(event->error.reason));
    (void)fputc('\n', show->to);
    if (show->form == POS_SHOW_FIELDS)
        print_fields(show->to, event);
}

static void print_text(const struct pos_show *show, const struct pos_event *event)
{
    print_front(show->to, event);
    if (event->kind == POS_EVENT_MESSAGE)
        print_message(show, event);
    else if (event->kind == POS_EVENT_GUESS)
        (void)fprintf(show->to, "guess: %s, %s\n", event->dialect->name, event->detail);
    else
        (void)fprintf(show->to, "%s%s%s\n", name_of(event->kind),
                      event->detail[0] == '\0' ? "" : ": ", event->detail);
}

/* ---- JSON ---- */

static json_t *field_json(const struct pos_event *event, unsigned field)
{
    char text[POS_MASK_TEXT_SIZE];
    struct pos_mask_message what = mask_of(event);
    const struct pos_field_view *view = &event->message->fields[field];
    enum pos_mask mask = pos_mask_field(&what, field, text);
    json_t *json = json_pack("{s:i, s:i}", "offset", view->offset, "length", view->count);
    if (mask != POS_MASK_HIDDEN)
        (void)json_object_set_new(json, "value", json_string(text));
    if (mask != POS_MASK_SHOWN)
        (void)json_object_set_new(json, mask == POS_MASK_MASKED ? "masked" : "hidden", json_true());
    return json;
}

static json_t *fields_json(const struct pos_event *event)
{
    json_t *fields = json_object();
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
        char number[8];
        (void)snprintf(number, sizeof number, "%u", field);
        if (pos_message_has(event->message, field))
            (void)json_object_set_new(fields, number, field_json(event, field));
    }
    return fields;
}

static void add_route(json_t *json, const struct pos_event *event)
{
    char text[ROUTE_TEXT_SIZE];
    if (event->frame.tpdu.size == 0)
        return;
    pos_hex_encode(event->frame.tpdu, text);
    (void)json_object_set_new(json, "tpdu", json_string(text));
    pos_hex_encode(event->frame.header, text);
    (void)json_object_set_new(json, "header", json_string(text));
}

static void add_message(json_t *json, const struct pos_event *event)
{
    char mti[8];
    (void)snprintf(mti, sizeof mti, "%04X", event->message->mti);
    (void)json_object_set_new(json, "mti", json_string(mti));
    if (event->rule != NULL)
        (void)json_object_set_new(json, "message", json_string(event->rule->name));
    (void)json_object_set_new(json, "reply", json_boolean(event->reply));
    (void)json_object_set_new(json, "length", json_integer((json_int_t)event->frame.message.size));
    add_route(json, event);
    if (event->latency_ns != POS_EVENT_NO_LATENCY)
        (void)json_object_set_new(json, "latency_ns", json_integer((json_int_t)event->latency_ns));
    (void)json_object_set_new(json, "fields", fields_json(event));
    if (event->error.reason != POS_DECODE_OK)
        (void)json_object_set_new(json, "error",
                                  json_pack("{s:i, s:i, s:s}", "field", event->error.field,
                                            "offset", event->error.offset, "reason",
                                            pos_decode_reason_text(event->error.reason)));
}

static void print_json(const struct pos_show *show, const struct pos_event *event)
{
    json_t *json =
        json_pack("{s:s, s:s}", "event", name_of(event->kind), "dialect", event->dialect->name);
    if (event->time_ns != 0)
        (void)json_object_set_new(json, "time_ns", json_integer((json_int_t)event->time_ns));
    if (event->from != NULL) {
        (void)json_object_set_new(json, "from", json_string(event->from));
        (void)json_object_set_new(json, "to", json_string(event->to));
    }
    if (event->kind == POS_EVENT_MESSAGE)
        add_message(json, event);
    else if (event->detail[0] != '\0')
        (void)json_object_set_new(json, "detail", json_string(event->detail));
    (void)json_dumpf(json, show->to, JSON_COMPACT);
    (void)fputc('\n', show->to);
    json_decref(json);
}

void pos_show(const struct pos_show *show, const struct pos_event *event)
{
    if (event->kind == POS_EVENT_KEEP_ALIVE && !show->keep_alives)
        return;
    if (show->form == POS_SHOW_JSON)
        print_json(show, event);
    else
        print_text(show, event);
    if (show->flush)
        (void)fflush(show->to);
}

#include "emulator/host/ledger.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "core/base/clock.h"

enum pos_status pos_ledger_open(struct pos_ledger *ledger, const char *path,
                                struct pos_error *error)
{
    *ledger = (struct pos_ledger){.file = NULL};
    if (path == NULL)
        return POS_OK;
    ledger->file = fopen(path, "ae");
    if (ledger->file == NULL)
        return pos_error_set(error, POS_ERR_IO, "cannot open the ledger %s: %s", path,
                             strerror(errno));
    return POS_OK;
}

static struct pos_ledger_row *row_of(struct pos_ledger *ledger, const struct pos_host_entry *entry)
{
    for (size_t i = 0; i < ledger->row_count; i++) {
        struct pos_ledger_row *row = &ledger->rows[i];
        if (row->mti == entry->mti && strcmp(row->kind, entry->kind) == 0 &&
            strcmp(row->code, entry->code) == 0)
            return row;
    }
    if (ledger->row_count == POS_LEDGER_ROW_COUNT_MAX)
        return NULL;
    struct pos_ledger_row *row = &ledger->rows[ledger->row_count++];
    *row = (struct pos_ledger_row){.mti = entry->mti, .kind = entry->kind};
    memcpy(row->code, entry->code, sizeof row->code);
    return row;
}

uint64_t pos_ledger_request(struct pos_ledger *ledger, const struct pos_host_entry *entry,
                            uint64_t utc_ms)
{
    uint64_t number = ++ledger->requests;
    struct pos_ledger_row *row = row_of(ledger, entry);
    if (row == NULL) {
        ledger->not_counted++;
    } else {
        row->count++;
        row->amount += entry->amount;
    }
    if (ledger->file == NULL)
        return number;
    char time[POS_TIME_TEXT_SIZE];
    pos_time_text(utc_ms, 1, time);
    (void)fprintf(ledger->file,
                  "%s request number=%llu mti=%04X kind=%s pan=%s amount=%012llu stan=%s rrn=%s "
                  "tid=%s mid=%s sent=%s\n",
                  time, (unsigned long long)number, entry->mti, entry->kind, entry->pan,
                  (unsigned long long)entry->amount, entry->stan, entry->rrn, entry->tid,
                  entry->mid, entry->time);
    return number;
}

void pos_ledger_answer(struct pos_ledger *ledger, uint64_t number, const char *code, bool sent,
                       uint64_t utc_ms)
{
    if (sent)
        ledger->answers++;
    if (ledger->file == NULL)
        return;
    char time[POS_TIME_TEXT_SIZE];
    pos_time_text(utc_ms, 1, time);
    (void)fprintf(ledger->file, "%s answer number=%llu code=%s\n", time, (unsigned long long)number,
                  code[0] == '\0' ? "none" : (sent ? code : "not-sent"));
}

void pos_ledger_flush(struct pos_ledger *ledger)
{
    if (ledger->file != NULL)
        (void)fflush(ledger->file); /* what fails is told by pos_ledger_close */
}

bool pos_ledger_close(struct pos_ledger *ledger)
{
    if (ledger->file == NULL)
        return true;
    bool good = ferror(ledger->file) == 0;
    good = fclose(ledger->file) == 0 && good;
    ledger->file = NULL;
    return good;
}

static json_t *row_json(const struct pos_ledger_row *row)
{
    char mti[8];
    (void)snprintf(mti, sizeof mti, "%04X", row->mti);
    return json_pack("{s:s, s:s, s:s, s:I, s:I}", "mti", mti, "kind", row->kind, "code",
                     row->code[0] == '\0' ? "none" : row->code, "count", (json_int_t)row->count,
                     "amount", (json_int_t)row->amount);
}

static void print_json(const struct pos_ledger *ledger, FILE *to)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < ledger->row_count; i++)
        (void)json_array_append_new(rows, row_json(&ledger->rows[i]));
    json_t *all = json_pack("{s:I, s:I, s:I, s:o}", "requests", (json_int_t)ledger->requests,
                            "answers", (json_int_t)ledger->answers, "not_counted",
                            (json_int_t)ledger->not_counted, "rows", rows);
    (void)json_dumpf(all, to, JSON_INDENT(2));
    (void)fputc('\n', to);
    json_decref(all);
}

void pos_ledger_print(const struct pos_ledger *ledger, bool json, FILE *to)
{
    if (json) {
        print_json(ledger, to);
        return;
    }
    (void)fprintf(to, "%-5s %-18s %-5s %10s %16s\n", "MTI", "kind", "code", "count", "amount");
    for (size_t i = 0; i < ledger->row_count; i++) {
        const struct pos_ledger_row *row = &ledger->rows[i];
        (void)fprintf(to, "%04X  %-18s %-5s %10llu %16llu\n", row->mti, row->kind,
                      row->code[0] == '\0' ? "none" : row->code, (unsigned long long)row->count,
                      (unsigned long long)row->amount);
    }
}

/* `audit verify` and `audit show` over a gateway's chain, in a terminal table made here. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/audit/chain.h"
#include "core/store/terminal_table.h"
#include "tests/keymgmt/program_steps.h"

TestSuite(program_audit, .init = enter_folder, .fini = leave_folder, .timeout = 110);

static struct outcome outcome;

static void expect_said(const char *words)
{
    cr_expect_not_null(strstr(outcome.err, words), "not said: '%s' in: %s", words, outcome.err);
}

/* A table with its chain's writer, which a test may replace by a worse one. */
static struct pos_terminal_table *open_table(struct pos_audit_writer writer)
{
    const struct pos_terminal_table_options options = {.path = in_folder("table"),
                                                       .create_if_missing = true,
                                                       .cache_size = 1 << 20,
                                                       .audit = writer};
    struct pos_terminal_table *table;
    struct pos_error error;
    cr_assert_eq(pos_terminal_table_open(&options, &table, &error), POS_OK, "%s", error.text);
    return table;
}

static void record(struct pos_terminal_table *table, const char *what)
{
    const struct pos_audit_event event = {
        .utc_ms = 1000, .who = "gateway", .what = what, .on_what = "x", .outcome = "done"};
    struct pos_terminal_write write = {.operation = POS_TERMINAL_AUDIT,
                                       .events[POS_OUTCOME_NONE] = &event};
    cr_assert_eq(pos_terminal_table_run(table, &write), POS_OK);
}

static long long records_of(const char *name)
{
    json_t *verdict = parse(&outcome);
    long long count = number_of(verdict, name);
    json_decref(verdict);
    return count;
}

/* A record as good as its neighbours, but for its place in the chain. */
static enum pos_status append_misplaced(void *context, const void *event, struct pos_buffer *out)
{
    struct pos_audit_head head = {.sequence = 3};
    (void)context;
    return pos_audit_append(&head, &(struct pos_audit_sealer){0}, event, out);
}

Test(program_audit, reads_the_gateways_chain_too_also_while_it_is_written)
{
    struct pos_audit_chain chain;
    step_lmk(&outcome);
    struct pos_terminal_table *table = open_table(pos_audit_chain_init(&chain));
    EXPECT(&outcome, 0, "audit", "verify", "--gateway-table", in_folder("table"), "--json");
    cr_expect_eq(records_of("gateway_records"), 0, "a gateway may have had nothing to record");
    record(table, "suspend");
    record(table, "resume");
    record(table, "bind");
    EXPECT(&outcome, 0, "audit", "verify", "--gateway-table", in_folder("table"), "--json");
    cr_expect_eq(records_of("gateway_records"), 3, "with the table open for writing");
    cr_expect_eq(records_of("records"), 4, "and the library's own");
    EXPECT(&outcome, 0, "audit", "show", "--gateway-table", in_folder("table"), "--from", "3",
           "--json");
    json_t *records = parse(&outcome);
    cr_assert_eq(json_array_size(records), 1);
    cr_expect_str_eq(text_of(json_array_get(records, 0), "what"), "bind");
    json_decref(records);
    pos_terminal_table_close(table);
    EXPECT(&outcome, 0, "audit", "verify", "--json");
    cr_expect_null(strstr(outcome.out, "gateway"), "not named, not read");
}

Test(program_audit, names_the_gateways_first_broken_record)
{
    struct pos_audit_chain chain;
    step_lmk(&outcome);
    struct pos_terminal_table *table = open_table(pos_audit_chain_init(&chain));
    for (int i = 0; i < 3; i++)
        record(table, "suspend");
    pos_terminal_table_close(table);
    struct pos_audit_writer writer = pos_audit_chain_init(&chain);
    writer.append = append_misplaced;
    table = open_table(writer);
    record(table, "planted");
    pos_terminal_table_close(table);
    EXPECT(&outcome, 1, "audit", "verify", "--gateway-table", in_folder("table"));
    expect_said("the gateway's audit chain is broken: audit record 4");
    EXPECT(&outcome, 0, "audit", "verify");
}

Test(program_audit, a_table_that_is_none)
{
    step_lmk(&outcome);
    EXPECT(&outcome, 69, "audit", "verify", "--gateway-table", in_folder("nothing"));
    expect_said("there is no gateway's terminal table in");
    EXPECT(&outcome, 1, "audit", "verify", "--gateway-table", in_folder("home/library"));
    expect_said("is not a terminal-table database");
    EXPECT(&outcome, 2, "audit", "verify", "--from", "2");
}

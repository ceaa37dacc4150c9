/* `audit verify` and `audit show` over a gateway's chain, in a terminal table made here. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/base/file.h"
#include "core/store/terminal_table.h"
#include "tests/keymgmt/make_anchor.h"
#include "tests/keymgmt/program_steps.h"
#include "tests/keymgmt/sealed_chain.h"

TestSuite(program_audit, .init = enter_folder, .fini = leave_folder, .timeout = 290);

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
    const struct pos_audit_chain *chain = context;
    return pos_audit_append(&head, &chain->sealer, event, out);
}

Test(program_audit, reads_the_gateways_chain_too_also_while_it_is_written)
{
    struct pos_audit_chain chain;
    step_lmk(&outcome);
    open_module();
    struct pos_terminal_table *table = open_table(init_sealed_chain(&chain));
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
    close_module();
}

Test(program_audit, names_the_gateways_first_broken_record)
{
    struct pos_audit_chain chain;
    step_lmk(&outcome);
    open_module();
    struct pos_terminal_table *table = open_table(init_sealed_chain(&chain));
    for (int i = 0; i < 3; i++)
        record(table, "suspend");
    pos_terminal_table_close(table);
    struct pos_audit_writer writer = init_sealed_chain(&chain);
    writer.append = append_misplaced;
    table = open_table(writer);
    record(table, "planted");
    pos_terminal_table_close(table);
    EXPECT(&outcome, 1, "audit", "verify", "--gateway-table", in_folder("table"));
    expect_said("the gateway's audit chain is broken: audit record 4");
    EXPECT(&outcome, 0, "audit", "verify");
    close_module();
}

/* Whoever can write the database and knows the format can make hashes, and nothing else. */
Test(program_audit, a_gateways_chain_without_macs_is_somebody_elses)
{
    struct pos_audit_chain chain;
    step_lmk(&outcome);
    struct pos_terminal_table *table = open_table(pos_audit_chain_init(&chain));
    record(table, "suspend");
    pos_terminal_table_close(table);
    EXPECT(&outcome, 1, "audit", "verify", "--gateway-table", in_folder("table"));
    expect_said("the gateway's audit chain is broken: audit record 1 has lost its MAC");
}

static enum pos_status make_any_mac(void *context, struct pos_bytes record,
                                    uint8_t mac[POS_AUDIT_MAC_SIZE])
{
    (void)context;
    (void)record;
    memset(mac, 0x5A, POS_AUDIT_MAC_SIZE);
    return POS_OK;
}

/* The record that says that an LMK came to its end excuses older ones from their MACs: so it needs
 * its own, under the LMK that there is. */
Test(program_audit, nobody_ends_an_lmks_era_without_the_next_lmk)
{
    struct pos_audit_chain chain;
    step_lmk(&outcome);
    open_module();
    struct pos_audit_writer writer = init_sealed_chain(&chain);
    chain.sealer.mac = make_any_mac; /* a history made anew, hashes and all */
    struct pos_terminal_table *table = open_table(writer);
    record(table, "suspend");
    record(table, "lmk-rotated");
    pos_terminal_table_close(table);
    EXPECT(&outcome, 1, "audit", "verify", "--gateway-table", in_folder("table"));
    expect_said("audit record 2 was changed: its MAC does not verify");
    table = open_table(init_sealed_chain(&chain));
    record(table, "lmk-rotated");
    record(table, "suspend");
    pos_terminal_table_close(table);
    EXPECT(&outcome, 0, "audit", "verify", "--gateway-table", in_folder("table"));
    close_module();
}

Test(program_audit, says_when_macs_were_not_checked)
{
    step_lmk(&outcome);
    EXPECT(&outcome, 0, "audit", "verify", "--json");
    json_t *verdict = parse(&outcome);
    cr_expect_str_eq(text_of(verdict, "macs"), "checked");
    cr_expect_eq(number_of(verdict, "macs_from"), 4, "from the ceremony's own record on");
    json_decref(verdict);
    shell("mv %s %s", in_folder("home/credential"), in_folder("elsewhere"));
    EXPECT(&outcome, 0, "audit", "verify", "--json");
    verdict = parse(&outcome);
    cr_expect_not_null(strstr(text_of(verdict, "macs"), "NOT CHECKED"));
    json_decref(verdict);
    EXPECT(&outcome, 0, "audit", "verify", "--credential", in_folder("elsewhere"), "--json");
    cr_expect_null(strstr(outcome.out, "NOT CHECKED"));
}

/* The anchor lies where the one who cut the chain could not reach it. */
static void write_anchor(const char *path, uint64_t sequence)
{
    uint8_t slot[POS_ANCHOR_SLOT_SIZE];
    struct pos_error error;
    make_anchor_slot(slot, UINT32_MAX, 1, sequence);
    cr_assert(pos_file_write(path, pos_bytes(slot, sizeof slot), 0600, &error) == POS_OK, "%s",
              error.text);
}

Test(program_audit, a_chain_that_is_shorter_or_other_than_its_anchor_knows)
{
    struct pos_audit_chain chain;
    step_lmk(&outcome);
    write_anchor(in_folder("elsewhere"), 9);
    EXPECT(&outcome, 1, "audit", "verify", "--anchor", in_folder("elsewhere"));
    expect_said("record 5 is missing: the anchor");
    write_anchor(in_folder("elsewhere"), 3);
    EXPECT(&outcome, 1, "audit", "verify", "--anchor", in_folder("elsewhere"));
    expect_said("record 3 is not the one that the anchor");
    EXPECT(&outcome, 0, "audit", "verify", "--anchor", in_folder("nothing"), "--json");
    cr_expect_not_null(strstr(outcome.out, "\"anchor\": \"none\""));
    shell("echo damaged > %s", in_folder("elsewhere"));
    EXPECT(&outcome, 1, "audit", "verify", "--anchor", in_folder("elsewhere"));
    open_module();
    struct pos_terminal_table *table = open_table(init_sealed_chain(&chain));
    record(table, "suspend");
    pos_terminal_table_close(table);
    EXPECT(&outcome, 0, "audit", "verify", "--gateway-table", in_folder("table"));
    write_anchor(in_folder("table.anchor"), 2);
    EXPECT(&outcome, 1, "audit", "verify", "--gateway-table", in_folder("table"));
    expect_said("the gateway's audit chain is broken: record 2 is missing");
    close_module();
}

Test(program_audit, exports_json_lines_of_both_chains)
{
    struct pos_audit_chain chain;
    step_lmk(&outcome);
    open_module();
    struct pos_terminal_table *table = open_table(init_sealed_chain(&chain));
    record(table, "suspend");
    record(table, "resume");
    EXPECT(&outcome, 0, "audit", "export", "--since", "3");
    char *second = strchr(outcome.out, '\n');
    cr_assert_not_null(second);
    *second++ = '\0';
    json_t *line = json_loads(outcome.out, 0, NULL);
    cr_assert_not_null(line, "each line is an object: %s", outcome.out);
    cr_expect_eq(number_of(line, "sequence"), 3);
    cr_expect_str_eq(text_of(line, "chain"), "library");
    cr_expect_str_eq(text_of(line, "who"), "Grace");
    cr_expect_eq(strncmp(text_of(line, "record"), "2|3|", 4), 0, "and the record as it is");
    json_decref(line);
    cr_expect_not_null(strstr(second, "\"ceremony-lmk\""));
    EXPECT(&outcome, 0, "audit", "export", "--gateway-table", in_folder("table"), "--since", "2");
    line = json_loads(outcome.out, 0, NULL);
    cr_assert_not_null(line);
    cr_expect_str_eq(text_of(line, "chain"), "gateway");
    cr_expect_str_eq(text_of(line, "what"), "resume");
    json_decref(line);
    EXPECT(&outcome, 0, "audit", "export", "--since", "5");
    cr_expect_str_empty(outcome.out, "nothing since");
    pos_terminal_table_close(table);
    close_module();
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

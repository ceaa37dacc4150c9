#include "gateway/metrics.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/version.h"

static void add(struct pos_counter *into, const struct pos_counter *from)
{
    pos_counter_add(into, pos_counter_read(from));
}

static void add_loop(struct pos_gateway_counters *sum, const struct pos_gateway_counters *loop)
{
    for (size_t kind = 0; kind <= POS_COUNT_KIND_OTHER; kind++)
        for (size_t code = 0; code <= POS_COUNT_RESPONSE_OTHER; code++)
            add(&sum->replies[kind][code], &loop->replies[kind][code]);
    for (size_t i = 0; i < POS_REFUSAL_COUNT; i++)
        add(&sum->refusals[i], &loop->refusals[i]);
    add(&sum->keep_alives, &loop->keep_alives);
    add(&sum->lookups, &loop->lookups);
    add(&sum->lookup_batches, &loop->lookup_batches);
    add(&sum->remembered, &loop->remembered);
    add(&sum->reads, &loop->reads);
    add(&sum->blocks_read, &loop->blocks_read);
    add(&sum->host_requests, &loop->host_requests);
    add(&sum->host_replies, &loop->host_replies);
    add(&sum->host_replies_late, &loop->host_replies_late);
    add(&sum->host_replies_unmatched, &loop->host_replies_unmatched);
    add(&sum->host_connects, &loop->host_connects);
    add(&sum->host_connect_failures, &loop->host_connect_failures);
    add(&sum->host_up, &loop->host_up);
    add(&sum->host_replies_bad_mac, &loop->host_replies_bad_mac);
    add(&sum->pending, &loop->pending);
    for (size_t verb = 0; verb < POS_VERB_COUNT; verb++)
        for (size_t i = 0; i < POS_VERB_OUTCOME_COUNT; i++)
            add(&sum->module[verb][i], &loop->module[verb][i]);
    pos_histogram_add(&sum->reply_time, &loop->reply_time);
    pos_histogram_add(&sum->lookup_time, &loop->lookup_time);
    pos_histogram_add(&sum->commit_time, &loop->commit_time);
    pos_histogram_add(&sum->host_time, &loop->host_time);
}

void pos_metrics_sum(const struct pos_gateway *gateway, struct pos_gateway_counters *sum)
{
    memset(sum, 0, sizeof *sum);
    for (uint32_t i = 0; i < gateway->worker_count; i++)
        add_loop(sum, pos_worker_counters(gateway->workers[i]));
}

void pos_metrics_loop(const struct pos_gateway *gateway, uint32_t loop, struct pos_loop_load *load)
{
    const struct pos_loop_stats *stats = pos_worker_loop_stats(gateway->workers[loop]);
    const struct pos_gateway_counters *counters = pos_worker_counters(gateway->workers[loop]);
    *load = (struct pos_loop_load){.connections = pos_counter_read(&stats->open_now),
                                   .opened = pos_counter_read(&stats->opened)};
    for (size_t kind = 0; kind <= POS_COUNT_KIND_OTHER; kind++)
        for (size_t code = 0; code <= POS_COUNT_RESPONSE_OTHER; code++)
            load->replies += pos_counter_read(&counters->replies[kind][code]);
}

/* ---- the text form ---- */

static void head(struct pos_buffer *out, const char *name, const char *type, const char *help)
{
    pos_buffer_format(out, "# HELP posgate_%s %s\n# TYPE posgate_%s %s\n", name, help, name, type);
}

static void single(struct pos_buffer *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    head(out, name, type, help);
    pos_buffer_format(out, "posgate_%s %llu\n", name, (unsigned long long)value);
}

static void labelled(struct pos_buffer *out, const char *name, const char *label,
                     const char *label_value, uint64_t value)
{
    pos_buffer_format(out, "posgate_%s{%s=\"%s\"} %llu\n", name, label, label_value,
                      (unsigned long long)value);
}

/* Upper ends of the buckets, in nanoseconds. */
static const uint64_t bucket_ns[] = {
    20000,    50000,    100000,   200000,    500000,    1000000,   2000000,    5000000,
    10000000, 20000000, 50000000, 100000000, 200000000, 500000000, 1000000000, 5000000000,
};

static void histogram(struct pos_buffer *out, const char *name, const char *help,
                      const struct pos_histogram *histogram)
{
    uint64_t count = pos_histogram_count(histogram);
    head(out, name, "histogram", help);
    for (size_t i = 0; i < sizeof bucket_ns / sizeof bucket_ns[0]; i++)
        pos_buffer_format(out, "posgate_%s_bucket{le=\"%g\"} %llu\n", name,
                          (double)bucket_ns[i] / 1e9,
                          (unsigned long long)pos_histogram_count_below(histogram, bucket_ns[i]));
    pos_buffer_format(out, "posgate_%s_bucket{le=\"+Inf\"} %llu\n", name,
                      (unsigned long long)count);
    pos_buffer_format(out, "posgate_%s_sum %.9f\nposgate_%s_count %llu\n", name,
                      pos_histogram_mean(histogram) * (double)count / 1e9, name,
                      (unsigned long long)count);
}

static const char *code_name(size_t code)
{
    return code == POS_COUNT_RESPONSE_OTHER ? "other" : pos_response_code((enum pos_response)code);
}

static const char *kind_name(size_t kind)
{
    return kind == POS_COUNT_KIND_OTHER ? "other" : pos_kind_rule((enum pos_kind)kind)->name;
}

static bool answered_here(size_t kind)
{
    return kind == POS_COUNT_KIND_OTHER ||
           pos_kind_rule((enum pos_kind)kind)->link != POS_LINK_MOTHER;
}

static void write_requests(struct pos_buffer *out, const struct pos_gateway_counters *sum)
{
    head(out, "replies_total", "counter", "Replies by message and response code.");
    for (size_t kind = 0; kind <= POS_COUNT_KIND_OTHER; kind++)
        for (size_t code = 0; answered_here(kind) && code <= POS_COUNT_RESPONSE_OTHER; code++)
            pos_buffer_format(out, "posgate_replies_total{message=\"%s\",code=\"%s\"} %llu\n",
                              kind_name(kind), code_name(code),
                              (unsigned long long)pos_counter_read(&sum->replies[kind][code]));
    head(out, "refusals_total", "counter", "Requests that were not done, by internal reason.");
    for (size_t i = POS_REFUSAL_NONE + 1; i < POS_REFUSAL_COUNT; i++)
        labelled(out, "refusals_total", "reason", pos_refusal_text((enum pos_refusal)i),
                 pos_counter_read(&sum->refusals[i]));
    single(out, "pending_requests", "gauge", "Requests waiting for disk, host or security module.",
           pos_counter_read(&sum->pending));
    single(out, "keep_alives_total", "counter", "Frames of length zero.",
           pos_counter_read(&sum->keep_alives));
    single(out, "lookups_total", "counter", "SMNs looked up in the terminal table.",
           pos_counter_read(&sum->lookups));
    single(out, "lookup_batches_total", "counter", "Look-ups made together, once a loop turn.",
           pos_counter_read(&sum->lookup_batches));
    single(out, "remembered_total", "counter", "Requests whose row was remembered and unchanged.",
           pos_counter_read(&sum->remembered));
    single(out, "lookup_reads_total", "counter", "Look-ups that had to wait for the disk.",
           pos_counter_read(&sum->reads));
    single(out, "lookup_blocks_read_total", "counter",
           "Blocks that a loop read itself, because they had just been written.",
           pos_counter_read(&sum->blocks_read));
    histogram(out, "reply_seconds", "From the turn that read a request to its reply.",
              &sum->reply_time);
    histogram(out, "lookup_seconds", "One turn's look-ups, together.", &sum->lookup_time);
    histogram(out, "commit_seconds", "A durable write, from submit to on disk.", &sum->commit_time);
}

static void write_host(struct pos_buffer *out, const struct pos_gateway_counters *sum)
{
    single(out, "host_up", "gauge", "Host connections that are open.",
           pos_counter_read(&sum->host_up));
    single(out, "host_connects_total", "counter", "Host connections made.",
           pos_counter_read(&sum->host_connects));
    single(out, "host_connect_failures_total", "counter", "Host connections that failed.",
           pos_counter_read(&sum->host_connect_failures));
    single(out, "host_requests_total", "counter", "Requests sent to the host.",
           pos_counter_read(&sum->host_requests));
    single(out, "host_replies_total", "counter", "Host replies matched to their request.",
           pos_counter_read(&sum->host_replies));
    single(out, "host_replies_late_total", "counter", "Requests the host did not answer in time.",
           pos_counter_read(&sum->host_replies_late));
    single(out, "host_replies_unmatched_total", "counter",
           "Host messages that answer no request under way.",
           pos_counter_read(&sum->host_replies_unmatched));
    single(out, "host_replies_bad_mac_total", "counter",
           "Host messages dropped because their MAC does not verify.",
           pos_counter_read(&sum->host_replies_bad_mac));
    histogram(out, "host_seconds", "From sending a request to the host to its reply.",
              &sum->host_time);
}

static void write_module(const struct pos_gateway *gateway, struct pos_buffer *out,
                         const struct pos_gateway_counters *sum)
{
    head(out, "module_operations_total", "counter",
         "What the security module was asked for, by verb and outcome.");
    for (size_t verb = 0; verb < POS_VERB_COUNT; verb++)
        for (size_t i = 0; i < POS_VERB_OUTCOME_COUNT; i++)
            pos_buffer_format(
                out, "posgate_module_operations_total{verb=\"%s\",outcome=\"%s\"} %llu\n",
                pos_verb_text((enum pos_verb)verb), pos_verb_outcome_text((enum pos_verb_outcome)i),
                (unsigned long long)pos_counter_read(&sum->module[verb][i]));
    struct pos_strongroom_stats stats = {0};
    if (gateway->room != NULL)
        pos_strongroom_stats(gateway->room, &stats);
    single(out, "strongroom_threads", "gauge", "That may wait for the module; 0: it makes none.",
           stats.threads);
    single(out, "strongroom_busy", "gauge", "Of these, in the module now.", stats.busy);
    single(out, "strongroom_queue_length", "gauge", "Jobs waiting for one of them.",
           stats.queue_length);
    single(out, "strongroom_expired_total", "counter", "Jobs that waited too long to be begun.",
           stats.expired);
}

static uint64_t loops_sum(const struct pos_gateway *gateway, size_t offset)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < gateway->worker_count; i++) {
        const struct pos_loop_stats *stats = pos_worker_loop_stats(gateway->workers[i]);
        sum += pos_counter_read(
            (const struct pos_counter *)(const void *)((const char *)stats + offset));
    }
    return sum;
}

/* Whether the loops share the work: the kernel deals connections out by addresses and ports. */
static void write_loops(const struct pos_gateway *gateway, struct pos_buffer *out)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } rows[] = {
        {"loop_connections", "gauge", "Connections open, host links included, by loop.",
         offsetof(struct pos_loop_load, connections)},
        {"loop_connections_opened_total", "counter", "Connections opened, by loop.",
         offsetof(struct pos_loop_load, opened)},
        {"loop_replies_total", "counter", "Replies, by loop.",
         offsetof(struct pos_loop_load, replies)},
    };
    struct pos_loop_load loads[POS_LOOP_COUNT_MAX];
    for (uint32_t loop = 0; loop < gateway->worker_count; loop++)
        pos_metrics_loop(gateway, loop, &loads[loop]);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        head(out, rows[i].name, rows[i].type, rows[i].help);
        for (uint32_t loop = 0; loop < gateway->worker_count; loop++) {
            uint64_t value;
            memcpy(&value, (const char *)&loads[loop] + rows[i].offset, sizeof value);
            pos_buffer_format(out, "posgate_%s{loop=\"%u\"} %llu\n", rows[i].name, loop,
                              (unsigned long long)value);
        }
    }
}

static void write_connections(const struct pos_gateway *gateway, struct pos_buffer *out)
{
    single(out, "connections", "gauge", "Terminals connected.",
           pos_admission_count(gateway->admission));
    single(out, "connections_opened_total", "counter", "Connections opened, host links included.",
           loops_sum(gateway, offsetof(struct pos_loop_stats, opened)));
    head(out, "connections_closed_total", "counter", "Connections closed, by reason.");
    for (size_t i = 0; i < POS_CLOSE_COUNT; i++)
        labelled(out, "connections_closed_total", "reason", pos_close_text((enum pos_close)i),
                 loops_sum(gateway, offsetof(struct pos_loop_stats, closed[i])));
    single(out, "accept_failures_total", "counter", "Connections that could not be accepted.",
           loops_sum(gateway, offsetof(struct pos_loop_stats, accept_failures)));
    head(out, "bytes_total", "counter", "Bytes of all connections.");
    labelled(out, "bytes_total", "direction", "in",
             loops_sum(gateway, offsetof(struct pos_loop_stats, bytes_in)));
    labelled(out, "bytes_total", "direction", "out",
             loops_sum(gateway, offsetof(struct pos_loop_stats, bytes_out)));
    single(out, "loop_turns_total", "counter", "Turns of all event loops.",
           loops_sum(gateway, offsetof(struct pos_loop_stats, turns)));
}

static void write_store(const struct pos_gateway *gateway, struct pos_buffer *out)
{
    uint64_t counts[POS_TERMINAL_STATE_COUNT];
    pos_terminal_table_counts(gateway->table, counts);
    head(out, "terminals", "gauge", "Rows of the terminal table, by state.");
    for (size_t i = POS_TERMINAL_NONE + 1; i < POS_TERMINAL_STATE_COUNT; i++)
        labelled(out, "terminals", "state", pos_terminal_state_name((enum pos_terminal_state)i),
                 counts[i]);
    struct pos_terminal_room room;
    pos_terminal_table_measure(gateway->table, &room);
    single(out, "lookup_batched", "gauge", "1: the cache holds the table; 0: make cache_mb larger.",
           room.holds);
    single(out, "hot_table_bytes", "gauge", "What look-ups need on disk.", room.hot_size);
    single(out, "cache_bytes", "gauge", "Cache for that.", room.cache_size);
    single(out, "reader_queue_length", "gauge", "Look-ups waiting for a reader.",
           pos_readers_queue_length(gateway->readers));
    struct pos_committer_stats stats;
    pos_terminal_table_stats(gateway->table, &stats);
    single(out, "commits_total", "counter", "Durable writes.", stats.commits);
    single(out, "commit_batches_total", "counter", "Batches they went in.", stats.batches);
    single(out, "syncs_total", "counter", "Syncs of the database log.", stats.syncs);
    single(out, "commit_failures_total", "counter", "Writes that failed.", stats.failures);
    single(out, "commit_queue_length", "gauge", "Writes waiting.", stats.queue_length);
    single(out, "database_writable", "gauge", "0 after a failed sync: restart.", !stats.failed);
    single(out, "disk_free_bytes", "gauge", "Room on the terminal table's disk.",
           pos_counter_read(&gateway->disk.free_size));
    single(out, "disk_low", "gauge", "1 below the low-water mark: make room.",
           pos_disk_low(&gateway->disk));
    single(out, "ballast_bytes", "gauge", "What a start without room can give up.",
           pos_counter_read(&gateway->disk.ballast_held));
    struct pos_clerk_stats clerk;
    pos_clerk_stats(gateway->clerk, &clerk);
    single(out, "key_library_lookups_total", "counter", "Look-ups in the key library.", clerk.jobs);
    single(out, "key_library_misses_total", "counter", "Indexes that were not there at first.",
           clerk.misses);
    single(out, "key_library_catch_ups_total", "counter", "Times the key library was followed.",
           clerk.catch_ups);
    single(out, "key_library_catch_up_failures_total", "counter", "Times that failed.",
           clerk.catch_up_failures);
}

void pos_metrics_write(const struct pos_gateway *gateway, struct pos_gateway_counters *sum,
                       struct pos_buffer *out)
{
    pos_metrics_sum(gateway, sum);
    head(out, "build_info", "gauge", "Always 1; which posgate this is.");
    pos_buffer_format(out, "posgate_build_info{version=\"%s\",commit=\"%s\"} 1\n",
                      pos_version_line(), pos_version_commit());
    single(out, "uptime_seconds", "gauge", "Since the gateway started.",
           (pos_clock_utc_ms() - gateway->started_utc_ms) / 1000);
    write_requests(out, sum);
    write_host(out, sum);
    write_module(gateway, out, sum);
    write_connections(gateway, out);
    write_loops(gateway, out);
    write_store(gateway, out);
}

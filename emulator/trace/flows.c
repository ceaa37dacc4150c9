#include "emulator/trace/flows.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKET_COUNT = 4096 };

struct direction {
    uint32_t next;    /* sequence number of the next byte */
    uint32_t syn;     /* that of its SYN */
    bool seen, ended; /* `next` is known; its FIN came */
};

struct flow {
    struct pos_segment_end ends[2]; /* client, server */
    struct direction directions[2]; /* what that end sends */
    struct pos_talk *talk;
    struct flow *next_in_bucket;
    struct flow *older, *newer;
};

struct pos_flows {
    struct pos_trace *trace;
    uint16_t port;
    size_t count;
    uint64_t now_ns;
    struct flow *oldest, *newest;
    struct flow *buckets[BUCKET_COUNT];
};

/* ---- the table ---- */

static bool same_end(const struct pos_segment_end *a, const struct pos_segment_end *b)
{
    return a->port == b->port && a->v6 == b->v6 &&
           memcmp(a->address, b->address, sizeof a->address) == 0;
}

static uint32_t hash_end(const struct pos_segment_end *end)
{
    uint32_t hash = 2166136261u ^ end->port;
    for (size_t i = 0; i < sizeof end->address; i++)
        hash = (hash ^ end->address[i]) * 16777619u;
    return hash * 2654435761u >> 8;
}

/* The same for both directions. */
static struct flow **bucket_of(struct pos_flows *flows, const struct pos_segment_end *a,
                               const struct pos_segment_end *b)
{
    return &flows->buckets[(hash_end(a) + hash_end(b)) % BUCKET_COUNT];
}

static struct flow *find(struct pos_flows *flows, const struct pos_segment *segment, int *from)
{
    struct flow *flow = *bucket_of(flows, &segment->from, &segment->to);
    for (; flow != NULL; flow = flow->next_in_bucket) {
        for (*from = 0; *from < 2; (*from)++)
            if (same_end(&segment->from, &flow->ends[*from]) &&
                same_end(&segment->to, &flow->ends[1 - *from]))
                return flow;
    }
    return NULL;
}

static void remove_flow(struct pos_flows *flows, struct flow *flow)
{
    struct flow **at = bucket_of(flows, &flow->ends[0], &flow->ends[1]);
    while (*at != flow)
        at = &(*at)->next_in_bucket;
    *at = flow->next_in_bucket;
    *(flow->older == NULL ? &flows->oldest : &flow->older->newer) = flow->newer;
    *(flow->newer == NULL ? &flows->newest : &flow->newer->older) = flow->older;
    flows->count--;
    pos_talk_close(flow->talk, flows->now_ns);
    free(flow);
}

static void insert_flow(struct pos_flows *flows, struct flow *flow)
{
    struct flow **bucket = bucket_of(flows, &flow->ends[0], &flow->ends[1]);
    flow->next_in_bucket = *bucket;
    *bucket = flow;
    flow->older = flows->newest;
    *(flows->newest == NULL ? &flows->oldest : &flows->newest->newer) = flow;
    flows->newest = flow;
    flows->count++;
}

static void name_end(const struct pos_segment_end *end, char name[POS_TALK_NAME_SIZE])
{
    char address[INET6_ADDRSTRLEN] = "";
    (void)inet_ntop(end->v6 ? AF_INET6 : AF_INET, end->address, address, sizeof address);
    (void)snprintf(name, POS_TALK_NAME_SIZE, end->v6 ? "[%s]:%u" : "%s:%u", address, end->port);
}

/* Who connected to whom: the SYN says it; without one servers are taken to have the lower port. */
static bool from_client(const struct pos_segment *segment)
{
    if (segment->syn)
        return !segment->ack;
    return segment->from.port >= segment->to.port;
}

static struct flow *open_flow(struct pos_flows *flows, const struct pos_segment *segment, int *from)
{
    char client[POS_TALK_NAME_SIZE], server[POS_TALK_NAME_SIZE];
    struct flow *flow = calloc(1, sizeof *flow);
    if (flow == NULL)
        return NULL;
    *from = from_client(segment) ? 0 : 1;
    flow->ends[*from] = segment->from;
    flow->ends[1 - *from] = segment->to;
    name_end(&flow->ends[0], client);
    name_end(&flow->ends[1], server);
    flow->talk = pos_talk_open(flows->trace, client, server, flow->ends[1].port);
    if (flow->talk == NULL) {
        free(flow);
        return NULL;
    }
    if (flows->count == POS_FLOW_COUNT_MAX)
        remove_flow(flows, flows->oldest);
    insert_flow(flows, flow);
    return flow;
}

/* ---- bytes ---- */

/* A port that is used again: the old connection's end was not captured. */
static bool is_new_connection(const struct flow *flow, const struct pos_segment *segment, int from)
{
    const struct direction *direction = &flow->directions[from];
    return segment->syn && direction->seen && segment->sequence != direction->syn;
}

/* Where this direction is, from its first segment. */
static void begin_direction(struct pos_flows *flows, struct flow *flow, int from,
                            const struct pos_segment *segment)
{
    struct direction *direction = &flow->directions[from];
    direction->seen = true;
    direction->syn = segment->sequence;
    direction->next = segment->sequence + (segment->syn ? 1 : 0);
    if (!segment->syn)
        pos_talk_gap(flow->talk, (enum pos_talk_side)from, 0, flows->now_ns);
}

static void take_payload(struct pos_flows *flows, struct flow *flow, int from,
                         const struct pos_segment *segment)
{
    struct direction *direction = &flow->directions[from];
    uint32_t sequence = segment->sequence + (segment->syn ? 1 : 0);
    struct pos_bytes payload = segment->payload;
    uint32_t ahead = sequence - direction->next;
    if (ahead != 0 && ahead < 0x80000000u) { /* sequence numbers wrap: RFC 9293, 3.4 */
        pos_talk_gap(flow->talk, (enum pos_talk_side)from, ahead, flows->now_ns);
        direction->next = sequence;
    } else if (ahead != 0) {
        uint32_t again = direction->next - sequence;
        if (again >= payload.size)
            return;
        payload = pos_bytes(payload.data + again, payload.size - again);
    }
    direction->next += (uint32_t)payload.size;
    pos_talk_bytes(flow->talk, (enum pos_talk_side)from, payload, flows->now_ns);
}

enum pos_status pos_flows_take(struct pos_flows *flows, const struct pos_segment *segment,
                               uint64_t time_ns)
{
    int from = 0;
    if (flows->port != 0 && segment->from.port != flows->port && segment->to.port != flows->port)
        return POS_OK;
    flows->now_ns = time_ns;
    struct flow *flow = find(flows, segment, &from);
    if (flow != NULL && is_new_connection(flow, segment, from)) {
        remove_flow(flows, flow);
        flow = NULL;
    }
    /* What comes behind an end that was seen, and an end itself, begins nothing. */
    if (flow == NULL && !segment->syn && segment->payload.size == 0)
        return POS_OK;
    if (flow == NULL && (flow = open_flow(flows, segment, &from)) == NULL)
        return POS_ERR_MEMORY;
    if (!flow->directions[from].seen && (segment->syn || segment->payload.size > 0))
        begin_direction(flows, flow, from, segment);
    if (segment->payload.size > 0 || (segment->fin && flow->directions[from].seen))
        take_payload(flows, flow, from, segment);
    flow->directions[from].ended = flow->directions[from].ended || segment->fin;
    if (segment->rst || (flow->directions[0].ended && flow->directions[1].ended))
        remove_flow(flows, flow);
    return POS_OK;
}

enum pos_status pos_flows_create(struct pos_trace *trace, uint16_t port, struct pos_flows **flows)
{
    *flows = calloc(1, sizeof **flows);
    if (*flows == NULL)
        return POS_ERR_MEMORY;
    (*flows)->trace = trace;
    (*flows)->port = port;
    return POS_OK;
}

void pos_flows_destroy(struct pos_flows *flows)
{
    while (flows->oldest != NULL)
        remove_flow(flows, flows->oldest);
    free(flows);
}

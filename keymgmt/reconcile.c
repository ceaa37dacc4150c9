#include "keymgmt/reconcile.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *about;
} kinds[POS_FINDING_KIND_COUNT] = {
    [POS_FINDING_NONE] = {"none", ""},
    [POS_FINDING_UNKNOWN_INDEX] = {"unknown-index", "the library has no such key"},
    [POS_FINDING_NOT_EXPORTED] = {"not-exported", "the key was never in a key file"},
    [POS_FINDING_OTHER_MOTHER] = {"other-mother", "the key went to another mother POS"},
    [POS_FINDING_KCV_DIFFERS] = {"kcv-differs", "it has another key under this index"},
    [POS_FINDING_SERIAL_DIFFERS] = {"serial-differs", "here the key is another serial's"},
    [POS_FINDING_STATE_DIFFERS] = {"state-differs", "issued here and burned there, or other way"},
    [POS_FINDING_WENT_BACK] = {"went-back", "settled here and free there: an old journal?"},
    [POS_FINDING_HOLDER_LOST] = {"holder-lost", "it may have been given out; nobody knows to whom"},
    [POS_FINDING_MISSING] = {"missing", "the mother POS has its batch, not the key"},
    [POS_FINDING_BATCH_MISSING] = {"batch-missing", "loaded here, the mother POS has none of it"},
    [POS_FINDING_UNKNOWN_SERIAL] = {"unknown-serial", "a key went to a serial not on the list"},
    [POS_FINDING_SERIAL_WITHOUT_KEY] = {"serial-without-key", "on the list, and got no key"},
    [POS_FINDING_TWO_KEYS] = {"two-keys", "the serial holds another issued key too"},
};

const char *pos_finding_name(enum pos_finding_kind kind)
{
    return kinds[kind].name;
}

const char *pos_finding_about(enum pos_finding_kind kind)
{
    return kinds[kind].about;
}

void pos_findings_add(struct pos_findings *findings, enum pos_finding_kind kind, uint32_t index,
                      const char *serial)
{
    findings->counts[kind]++;
    if (findings->kept == POS_FINDING_KEPT_COUNT_MAX)
        return;
    struct pos_finding *finding = &findings->list[findings->kept++];
    *finding = (struct pos_finding){.kind = kind, .index = index};
    memcpy(finding->serial, serial, strlen(serial) + 1);
}

uint64_t pos_findings_differences(const struct pos_findings *findings)
{
    uint64_t sum = 0;
    for (int kind = POS_FINDING_NONE + 1; kind < POS_FINDING_KIND_COUNT; kind++)
        if (kind != POS_FINDING_TWO_KEYS)
            sum += findings->counts[kind];
    return sum;
}

/* ---- one key ---- */

static bool is_settled(enum pos_return_state state)
{
    return state == POS_RETURN_ISSUED || state == POS_RETURN_BURNED;
}

/* The key is this mother POS's, and it is this key. */
static struct pos_judgement judge_state(const struct pos_return_file_key *key,
                                        const struct pos_key_row *row)
{
    /* Burned after an old journal came back. Whoever has the key got it from there. */
    bool holder_lost = key->state == POS_RETURN_BURNED && key->serial[0] == '\0';
    enum pos_key_state said = key->state == POS_RETURN_ISSUED ? POS_KEY_ISSUED : POS_KEY_BURNED;
    switch (row->state) {
    case POS_KEY_EXPORTED:
    case POS_KEY_LOADED:
        if (holder_lost)
            return (struct pos_judgement){.finding = POS_FINDING_HOLDER_LOST};
        return (struct pos_judgement){.settles = is_settled(key->state)};
    case POS_KEY_ISSUED:
    case POS_KEY_BURNED:
        if (!is_settled(key->state))
            return (struct pos_judgement){.finding = POS_FINDING_WENT_BACK};
        if (holder_lost) /* the library knows more */
            return (struct pos_judgement){.settles = false};
        if (row->state != said)
            return (struct pos_judgement){.finding = POS_FINDING_STATE_DIFFERS};
        if (strcmp(row->serial, key->serial) != 0)
            return (struct pos_judgement){.finding = POS_FINDING_SERIAL_DIFFERS};
        return (struct pos_judgement){.settles = false};
    default: /* destroyed or compromised: what the mother POS says changes nothing any more */
        return (struct pos_judgement){.settles = false};
    }
}

struct pos_judgement pos_reconcile_key(const struct pos_return_file_key *key,
                                       const struct pos_key_row *row, const char *mother)
{
    if (row == NULL)
        return (struct pos_judgement){.finding = POS_FINDING_UNKNOWN_INDEX};
    if (row->state == POS_KEY_GENERATED)
        return (struct pos_judgement){.finding = POS_FINDING_NOT_EXPORTED};
    if (strcmp(row->mother, mother) != 0)
        return (struct pos_judgement){.finding = POS_FINDING_OTHER_MOTHER};
    if (!pos_kcv_equal(&row->tmk_kcv, &key->kcv))
        return (struct pos_judgement){.finding = POS_FINDING_KCV_DIFFERS};
    return judge_state(key, row);
}

/* ---- all of them ---- */

static int by_serial_and_index(const void *a, const void *b)
{
    const struct pos_return_file_key *left = *(const struct pos_return_file_key *const *)a;
    const struct pos_return_file_key *right = *(const struct pos_return_file_key *const *)b;
    int order = strcmp(left->serial, right->serial);
    if (order != 0)
        return order;
    return left->index < right->index ? -1 : left->index > right->index;
}

void pos_reconcile_two_keys(const struct pos_return_file_key **keys, size_t count,
                            struct pos_findings *findings)
{
    if (count < 2)
        return;
    qsort(keys, count, sizeof(const struct pos_return_file_key *), by_serial_and_index);
    for (size_t i = 1; i < count; i++)
        if (strcmp(keys[i]->serial, keys[i - 1]->serial) == 0)
            pos_findings_add(findings, POS_FINDING_TWO_KEYS, keys[i]->index, keys[i]->serial);
}

/* The place of the first key whose index is `index` or more. */
static size_t lower_bound(const struct pos_return_file_key *keys, size_t count, uint64_t index)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (keys[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t pos_reconcile_range(const struct pos_return_file_key *keys, size_t key_count, uint32_t first,
                           uint32_t count, size_t *place)
{
    *place = lower_bound(keys, key_count, first);
    return lower_bound(keys, key_count, (uint64_t)first + count) - *place;
}

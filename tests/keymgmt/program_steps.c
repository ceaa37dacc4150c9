#include "tests/keymgmt/program_steps.h"

#include <stdio.h>

static const char *component(const char *folder, int number)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s/component-%d.hex", folder, number);
    return in_folder(name);
}

void step_lmk(struct outcome *outcome)
{
    EXPECT(outcome, 0, "init", "--single-operator", "--make-credential");
    EXPECT(outcome, 0, "ceremony", "components", "--count", "2", "--out", in_folder("lmk"));
    EXPECT(outcome, 0, "ceremony", "lmk", "--component", component("lmk", 1), "--component",
           component("lmk", 2), "--custodian", "Ada", "--custodian", "Grace");
}

void step_mother(struct outcome *outcome, const char *name, const char *algorithm)
{
    EXPECT(outcome, 0, "ceremony", "components", "--alg", algorithm, "--out", in_folder(name));
    EXPECT(outcome, 0, "ceremony", "ktk", "--name", name, "--alg", algorithm, "--component",
           component(name, 1), "--component", component(name, 2), "--custodian", "Edsger",
           "--custodian", "Barbara", "--json");
}

long long step_generate(struct outcome *outcome, const char *count)
{
    EXPECT(outcome, 0, "generate", "--count", count, "--json");
    json_t *answer = parse(outcome);
    long long batch = number_of(answer, "batch");
    json_decref(answer);
    return batch;
}

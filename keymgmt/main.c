/*
 * posgate-keymgmt: the key writer of the scheme. It makes the local master key in a ceremony,
 * generates terminal keys into the key library, writes them out for a mother POS and loads them
 * into it. It owns the key library and its audit chain; no key is ever clear outside the security
 * module, and none is ever printed.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/exit_code.h"
#include "core/base/program.h"
#include "core/base/secret.h"
#include "keymgmt/command.h"
#include "keymgmt/settings.h"

static const struct pos_command commands[] = {
    {"init", "make a home folder with an empty key library", pos_command_init},
    {"ceremony", "make a key from custodians' components: lmk, ktk, zpk, zak",
     pos_command_ceremony},
    {"generate", "add new terminal keys to the library", pos_command_generate},
    {"export", "write a batch as a key file for one mother POS", pos_command_export},
    {"load", "load a key file into its mother POS", pos_command_load},
    {"import-return", "take in what became of the keys at a mother POS", pos_command_import_return},
    {"list", "list keys, batches or mother POSes", pos_command_list},
    {"show", "show one key's history and check values", pos_command_show},
    {"check", "open every key, and look for keys that are the same", pos_command_check},
    {"stock", "count keys by state, algorithm and mother POS", pos_command_stock},
    {"backup", "copy the key library into a folder", pos_command_backup},
    {"restore", "put a backup back, or accept an old one", pos_command_restore},
    {"destroy", "take keys off the disks for good", pos_command_destroy},
    {"compromise", "mark keys, or a KTK and all below it, as known to others",
     pos_command_compromise},
    {"revoke", "refuse a list of terminals for good", pos_command_revoke},
    {"lmk", "bring every key under a new LMK: rotate", pos_command_lmk},
    {"operator", "the people: add, list, change, password, remove", pos_command_operator},
    {"approvals", "list what waits for a second person", pos_command_approvals},
    {"approve", "agree to what somebody else asked for, or refuse it", pos_command_approve},
    {"audit", "read the audit chain: show, verify, export", pos_command_audit},
    {NULL, NULL, NULL},
};

/* conf/keymgmt.conf. */
static void dump_defaults(void)
{
    static struct pos_keymgmt_settings settings;
    static char text[POS_KEYMGMT_DUMP_SIZE_MAX];
    struct pos_buffer out = pos_buffer(text, sizeof text);
    pos_keymgmt_settings_defaults(&settings);
    pos_keymgmt_settings_dump(&settings, &out);
    (void)fwrite(text, 1, out.size, stdout);
}

int main(int argc, char **argv)
{
    pos_program_begin(argc, argv);
    if (argc == 2 && strcmp(argv[1], "--dump-defaults") == 0) {
        dump_defaults();
        return POS_EXIT_DONE;
    }
    struct pos_error error = {.status = POS_OK};
    struct pos_options options;
    pos_options_init(&options);
    enum pos_status status = pos_secret_protect_process();
    if (status != POS_OK)
        status = pos_error_set(&error, status,
                               "the kernel does not let this process go without "
                               "core dumps, so no key may enter it");
    else
        status = pos_command_dispatch(commands, "posgate-keymgmt",
                                      "Generates terminal master keys and brings them to mother "
                                      "POSes. --dump-defaults prints the configuration file.",
                                      &options, argc, argv, &error);
    if (fflush(stdout) != 0 && status == POS_OK)
        status = pos_error_set(&error, POS_ERR_IO, "cannot write the answer to stdout");
    if (status != POS_OK)
        (void)fprintf(stderr, "posgate-keymgmt: %s\n",
                      error.text[0] != '\0' ? error.text : pos_status_text(status));
    return (int)pos_exit_code(status);
}

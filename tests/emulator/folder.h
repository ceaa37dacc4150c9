/* A folder of a test's own. */
#ifndef TESTS_EMULATOR_FOLDER_H
#define TESTS_EMULATOR_FOLDER_H

struct folder {
    char path[64];
};

void folder_make(struct folder *folder);   /* ends the test when it cannot */
void folder_remove(struct folder *folder); /* with all that is in it */
/* path/name; static, four at a time. */
const char *folder_file(const struct folder *folder, const char *name);
void folder_write(const struct folder *folder, const char *name, const char *text, unsigned mode);
/* The whole file as text; free it. */
char *folder_read(const struct folder *folder, const char *name);

/* How many files of the folder whose path begins with `name` hold these bytes, as they are or in
 * hex. */
int folder_holds(const struct folder *folder, const char *name, const void *bytes, unsigned size);

#endif

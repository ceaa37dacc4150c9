#include "bench/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

void pos_machine_text(char text[POS_MACHINE_TEXT_SIZE])
{
    char line[256], model[64] = "unknown processor";
    struct utsname system;
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "model name : %63[^\n]", model) == 1)
            break;
    if (file != NULL)
        (void)fclose(file);
    if (uname(&system) != 0)
        memset(&system, 0, sizeof system);
    (void)snprintf(text, POS_MACHINE_TEXT_SIZE, "%s, %ld cores, %.20s %.40s", model,
                   sysconf(_SC_NPROCESSORS_ONLN), system.sysname, system.release);
}

#include "bench/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { LINE_SIZE = 4096 }; /* a processor has many flags */

/* What stands in a file behind the first `key`, that may follow it, quotes and the line's end left
 * out. "" when there is none. */
static void find(const char *path, const char *key, char *into, size_t size)
{
    char line[LINE_SIZE];
    into[0] = '\0';
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        const char *value = line + strlen(key);
        value += strspn(value, "\t :=\"");
        (void)snprintf(into, size, "%.*s", (int)strcspn(value, "\"\n"), value);
        break;
    }
    if (file != NULL)
        (void)fclose(file);
}

static bool has_hypervisor(void)
{
    char flags[LINE_SIZE];
    find("/proc/cpuinfo", "flags", flags, sizeof flags);
    return strstr(flags, " hypervisor") != NULL;
}

void pos_machine_read(struct pos_machine *machine)
{
    struct utsname kernel;
    *machine = (struct pos_machine){.cores = sysconf(_SC_NPROCESSORS_ONLN),
                                    .is_virtual = has_hypervisor()};
    find("/proc/cpuinfo", "model name", machine->processor, sizeof machine->processor);
    if (machine->processor[0] == '\0')
        (void)snprintf(machine->processor, sizeof machine->processor, "unknown processor");
    find("/etc/os-release", "PRETTY_NAME", machine->system, sizeof machine->system);
    find("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "", machine->governor,
         sizeof machine->governor);
    if (uname(&kernel) == 0)
        (void)snprintf(machine->kernel, sizeof machine->kernel, "%.20s %.40s", kernel.sysname,
                       kernel.release);
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0)
        machine->memory = (uint64_t)pages * (uint64_t)page;
}

void pos_machine_text(char text[POS_MACHINE_TEXT_SIZE])
{
    struct pos_machine machine;
    pos_machine_read(&machine);
    (void)snprintf(text, POS_MACHINE_TEXT_SIZE, "%s, %ld cores, %s", machine.processor,
                   machine.cores, machine.kernel);
}

uint64_t pos_machine_available(void)
{
    char line[128];
    unsigned long long kilobytes = 0;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file != NULL && kilobytes == 0 && fgets(line, sizeof line, file) != NULL)
        (void)sscanf(line, "MemAvailable: %llu kB", &kilobytes);
    if (file != NULL)
        (void)fclose(file);
    return kilobytes * 1024;
}

/* Defaults from the machine; see machine.h. */
#include "server/machine.h"

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/checked.h"

#define PATH_BYTES 4096

size_t machine_cpus(void) {
    cpu_set_t allowed;
    /* A container may be bound to fewer CPUs than are online. */
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) > 0) {
        return (size_t)CPU_COUNT(&allowed);
    }
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (size_t)online : 1;
}

size_t machine_http_threads(void) {
    return machine_cpus() < 2 ? 1 : 2;
}

/* The number in a one-line file, or SIZE_MAX ("max", or no such file). */
static size_t read_limit(const char *path) {
    unsigned long long value;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return SIZE_MAX;
    }
    const size_t limit = fscanf(file, "%llu", &value) == 1 ? (size_t)value : SIZE_MAX;
    fclose(file);
    return limit;
}

/* The path of this process in the unified hierarchy, without a slash at its end;
 * empty for the root or when there is none. */
static void find_cgroup(char path[PATH_BYTES]) {
    char line[PATH_BYTES];
    path[0] = '\0';
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL) {
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::/", 4) == 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(path, PATH_BYTES, "%s", strcmp(line, "0::/") == 0 ? "" : line + 3);
        }
    }
    fclose(file);
}

/* The least memory.max on the way from this process's cgroup to the root. */
static size_t cgroup_limit(void) {
    char group[PATH_BYTES], path[PATH_BYTES + 64];
    size_t limit = SIZE_MAX;
    find_cgroup(group);
    for (;;) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
        limit = size_min(limit, read_limit(path));
        char *slash = strrchr(group, '/');
        if (slash == NULL) {
            return limit;
        }
        *slash = '\0';
    }
}

size_t machine_memory_share(void) {
    const long pages = sysconf(_SC_PHYS_PAGES);
    const long page_bytes = sysconf(_SC_PAGESIZE);
    size_t physical = SIZE_MAX;
    if (pages > 0 && page_bytes > 0) {
        physical = (size_t)pages * (size_t)page_bytes;
    }
    return size_min(physical, cgroup_limit()) / 4 * 3;
}

size_t machine_raise_open_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 1024;
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return (size_t)limit.rlim_cur;
}

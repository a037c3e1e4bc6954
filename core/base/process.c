/* What the system says of this process; see process.h. */
#include "core/base/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES "/proc/self/fd"

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static void look_at_memory(struct process_figures *figures) {
    char text[128];
    const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    const ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    text[length > 0 ? length : 0] = '\0';
    size_t pages, resident;
    if (sscanf(text, "%zu %zu", &pages, &resident) == 2) {
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        figures->virtual_bytes = pages * page;
        figures->resident_bytes = resident * page;
    }
}

/* Older kernels (before 6.2) do not say how many there are. */
static size_t walk_open_files(void) {
    DIR *folder = opendir(FILES);
    size_t count = 0;
    if (folder == NULL) {
        return 0;
    }
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the folder itself */
}

static size_t count_open_files(void) {
    struct stat status;
    if (stat(FILES, &status) == 0 && status.st_size > 0) {
        return (size_t)status.st_size;
    }
    return walk_open_files();
}

struct process_figures process_look(void) {
    struct process_figures figures = {0};
    struct rusage usage;
    struct rlimit limit;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        figures.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        figures.open_files_max = (size_t)limit.rlim_cur;
    }
    look_at_memory(&figures);
    figures.open_files = count_open_files();
    return figures;
}

/* A file system that fails; see store_vfs.h. */
#include "tests/fault/store_vfs.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 32
#define NAME_BYTES 128
#define SECTOR_BYTES 4096

struct content {
    char *data;
    size_t size, room;
};

/* A write, or a new size (`data` NULL), since the last sync. */
struct change {
    size_t offset, bytes; /* the new size: offset */
    char *data;
};

struct node {
    char name[NAME_BYTES]; /* below the root */
    bool exists, on_disk;  /* is there; would be there after a cut */
    struct content now, synced;
    struct change *changes;
    size_t change_count, change_room;
};

struct vfs {
    sqlite3_vfs sqlite; /* pAppData: this */
    char root[256];
    struct node nodes[FILES_MAX];
    size_t node_count;
    void (*watch)(void *context);
    void *watch_context;
    bool watching; /* within a watch: not again */
    enum vfs_failure failure;
    long successes; /* until one fails; negative: none does */
    bool for_ever, has_failed;
};

struct open_file {
    sqlite3_file sqlite;
    struct vfs *vfs;
    struct node *node;
};

uint64_t vfs_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void *must(void *block) {
    if (block == NULL) {
        fprintf(stderr, "no memory for the files of a test\n");
        abort();
    }
    return block;
}

/* --- contents ------------------------------------------------------------------ */

static void resize(struct content *content, size_t size) {
    if (size > content->room) {
        content->room = size + size / 2 + 4096;
        content->data = must(realloc(content->data, content->room));
    }
    if (size > content->size) {
        memset(content->data + content->size, 0, size - content->size);
    }
    content->size = size;
}

static void copy(struct content *to, const struct content *from) {
    to->size = 0;
    resize(to, from->size);
    if (from->size > 0) {
        memcpy(to->data, from->data, from->size);
    }
}

static void apply(struct content *content, const struct change *change) {
    if (change->data == NULL) {
        resize(content, change->offset);
        return;
    }
    if (change->offset + change->bytes > content->size) {
        resize(content, change->offset + change->bytes);
    }
    memcpy(content->data + change->offset, change->data, change->bytes);
}

static void forget_changes(struct node *node) {
    for (size_t i = 0; i < node->change_count; i++) {
        free(node->changes[i].data);
    }
    node->change_count = 0;
}

static void add_change(struct node *node, size_t offset, const void *data, size_t bytes) {
    if (node->change_count == node->change_room) {
        node->change_room = node->change_room * 2 + 16;
        node->changes = must(realloc(node->changes, node->change_room * sizeof *node->changes));
    }
    struct change *change = &node->changes[node->change_count++];
    *change = (struct change){.offset = offset, .bytes = bytes};
    if (data != NULL) {
        change->data = must(malloc(bytes + 1));
        memcpy(change->data, data, bytes);
    }
    apply(&node->now, change);
}

/* --- names --------------------------------------------------------------------- */

static struct node *find(struct vfs *vfs, const char *path, bool make) {
    const size_t root = strlen(vfs->root);
    assert(strncmp(path, vfs->root, root) == 0);
    const char *name = path + root;
    for (size_t i = 0; i < vfs->node_count; i++) {
        if (strcmp(vfs->nodes[i].name, name) == 0) {
            return &vfs->nodes[i];
        }
    }
    if (!make) {
        return NULL;
    }
    assert(vfs->node_count < FILES_MAX && strlen(name) < NAME_BYTES);
    struct node *node = &vfs->nodes[vfs->node_count++];
    *node = (struct node){.exists = false};
    snprintf(node->name, sizeof node->name, "%s", name);
    return node;
}

/* --- failing ------------------------------------------------------------------- */

static void watch(struct vfs *vfs) {
    if (vfs->watch != NULL && !vfs->watching) {
        vfs->watching = true;
        vfs->watch(vfs->watch_context);
        vfs->watching = false;
    }
}

/* Does this call fail?  `space`: it is one that may find no space. */
static bool fails(struct vfs *vfs, bool space) {
    if (vfs->successes < 0 || (vfs->failure != VFS_IO_ERROR && !space)) {
        return false;
    }
    if (vfs->successes > 0) {
        vfs->successes--;
        return false;
    }
    vfs->has_failed = true;
    if (!vfs->for_ever) {
        vfs->successes = -1;
    }
    return true;
}

/* --- files --------------------------------------------------------------------- */

static int close_file(sqlite3_file *file) {
    (void)file;
    return SQLITE_OK;
}

static int read_file(sqlite3_file *base, void *into, int count, sqlite3_int64 offset) {
    struct open_file *file = (struct open_file *)base;
    const struct content *content = &file->node->now;
    if (fails(file->vfs, false)) {
        return SQLITE_IOERR_READ;
    }
    const size_t from = (size_t)offset < content->size ? (size_t)offset : content->size;
    const size_t there = content->size - from;
    if (there >= (size_t)count) {
        memcpy(into, content->data + from, (size_t)count);
        return SQLITE_OK;
    }
    if (there > 0) {
        memcpy(into, content->data + from, there);
    }
    memset((char *)into + there, 0, (size_t)count - there);
    return SQLITE_IOERR_SHORT_READ;
}

static int write_file(sqlite3_file *base, const void *data, int count, sqlite3_int64 offset) {
    struct open_file *file = (struct open_file *)base;
    struct vfs *vfs = file->vfs;
    watch(vfs);
    if (fails(vfs, true)) {
        if (vfs->failure == VFS_SHORT) {
            add_change(file->node, (size_t)offset, data, (size_t)count / 2);
        }
        return vfs->failure == VFS_IO_ERROR ? SQLITE_IOERR_WRITE : SQLITE_FULL;
    }
    add_change(file->node, (size_t)offset, data, (size_t)count);
    return SQLITE_OK;
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size) {
    struct open_file *file = (struct open_file *)base;
    watch(file->vfs);
    if (fails(file->vfs, false)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    add_change(file->node, (size_t)size, NULL, 0);
    return SQLITE_OK;
}

/* The directory's entry too, as SQLite has it for the files that it makes. */
static int sync_file(sqlite3_file *base, int flags) {
    (void)flags;
    struct open_file *file = (struct open_file *)base;
    watch(file->vfs);
    if (fails(file->vfs, false)) {
        return SQLITE_IOERR_FSYNC;
    }
    struct node *node = file->node;
    for (size_t i = 0; i < node->change_count; i++) {
        apply(&node->synced, &node->changes[i]);
    }
    forget_changes(node);
    node->on_disk = node->exists;
    return SQLITE_OK;
}

static int size_of_file(sqlite3_file *base, sqlite3_int64 *size) {
    struct open_file *file = (struct open_file *)base;
    if (fails(file->vfs, false)) {
        return SQLITE_IOERR_FSTAT;
    }
    *size = (sqlite3_int64)file->node->now.size;
    return SQLITE_OK;
}

static int lock_file(sqlite3_file *file, int lock) {
    (void)file;
    (void)lock;
    return SQLITE_OK;
}

static int check_lock(sqlite3_file *file, int *result) {
    (void)file;
    *result = 0;
    return SQLITE_OK;
}

static int control_file(sqlite3_file *file, int operation, void *argument) {
    (void)file;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *file) {
    (void)file;
    return SECTOR_BYTES;
}

static int characteristics(sqlite3_file *file) {
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {.iVersion = 1,
                                           .xClose = close_file,
                                           .xRead = read_file,
                                           .xWrite = write_file,
                                           .xTruncate = truncate_file,
                                           .xSync = sync_file,
                                           .xFileSize = size_of_file,
                                           .xLock = lock_file,
                                           .xUnlock = lock_file,
                                           .xCheckReservedLock = check_lock,
                                           .xFileControl = control_file,
                                           .xSectorSize = sector_size,
                                           .xDeviceCharacteristics = characteristics};

/* --- the file system ----------------------------------------------------------- */

static int open_file(sqlite3_vfs *base, const char *path, sqlite3_file *opened, int flags,
                     int *flags_out) {
    struct vfs *vfs = base->pAppData;
    struct open_file *file = (struct open_file *)opened;
    *file = (struct open_file){.vfs = vfs};
    struct node *node = find(vfs, path, flags & SQLITE_OPEN_CREATE);
    if (node == NULL || (!node->exists && !(flags & SQLITE_OPEN_CREATE))) {
        return SQLITE_CANTOPEN;
    }
    if (fails(vfs, !node->exists)) {
        return SQLITE_CANTOPEN;
    }
    if (!node->exists) {
        watch(vfs);
        node->exists = true;
        /* The store makes the database's own file, and syncs its directory. */
        node->on_disk = flags & SQLITE_OPEN_MAIN_DB;
        node->now.size = node->synced.size = 0;
        forget_changes(node);
    }
    file->node = node;
    file->sqlite.pMethods = &methods;
    if (flags_out != NULL) {
        *flags_out = flags;
    }
    return SQLITE_OK;
}

static int delete_file(sqlite3_vfs *base, const char *path, int sync_directory) {
    struct vfs *vfs = base->pAppData;
    struct node *node = find(vfs, path, false);
    if (node == NULL || !node->exists) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    watch(vfs);
    if (fails(vfs, false)) {
        return SQLITE_IOERR_DELETE;
    }
    node->exists = false;
    if (sync_directory) {
        node->on_disk = false;
    }
    return SQLITE_OK;
}

static int access_file(sqlite3_vfs *base, const char *path, int flags, int *result) {
    (void)flags;
    struct vfs *vfs = base->pAppData;
    if (fails(vfs, false)) {
        return SQLITE_IOERR_ACCESS;
    }
    const struct node *node = find(vfs, path, false);
    *result = node != NULL && node->exists && (flags != SQLITE_ACCESS_EXISTS || node->now.size > 0);
    return SQLITE_OK;
}

static int full_path(sqlite3_vfs *base, const char *path, int room, char *full) {
    (void)base;
    snprintf(full, (size_t)room, "%s", path);
    return SQLITE_OK;
}

static sqlite3_vfs *usual(void) {
    return sqlite3_vfs_find("unix");
}

static int randomness(sqlite3_vfs *base, int count, char *into) {
    (void)base;
    return usual()->xRandomness(usual(), count, into);
}

static int sleep_for(sqlite3_vfs *base, int microseconds) {
    (void)base;
    return microseconds;
}

static int current_time(sqlite3_vfs *base, double *now) {
    (void)base;
    return usual()->xCurrentTime(usual(), now);
}

static int last_error(sqlite3_vfs *base, int room, char *text) {
    (void)base;
    (void)room;
    (void)text;
    return 0;
}

struct vfs *vfs_create(const char *name, const char *root) {
    struct vfs *vfs = must(calloc(1, sizeof *vfs));
    snprintf(vfs->root, sizeof vfs->root, "%s", root);
    vfs->successes = -1;
    vfs->sqlite = (sqlite3_vfs){.iVersion = 1,
                                .szOsFile = sizeof(struct open_file),
                                .mxPathname = 512,
                                .zName = name,
                                .pAppData = vfs,
                                .xOpen = open_file,
                                .xDelete = delete_file,
                                .xAccess = access_file,
                                .xFullPathname = full_path,
                                .xRandomness = randomness,
                                .xSleep = sleep_for,
                                .xCurrentTime = current_time,
                                .xGetLastError = last_error};
    if (sqlite3_vfs_register(&vfs->sqlite, 0) != SQLITE_OK) {
        fprintf(stderr, "SQLite takes no file system\n");
        abort();
    }
    return vfs;
}

void vfs_destroy(struct vfs *vfs) {
    sqlite3_vfs_unregister(&vfs->sqlite);
    for (size_t i = 0; i < vfs->node_count; i++) {
        struct node *node = &vfs->nodes[i];
        forget_changes(node);
        free(node->changes);
        free(node->now.data);
        free(node->synced.data);
    }
    free(vfs);
}

void vfs_watch(struct vfs *vfs, void (*watch)(void *context), void *context) {
    vfs->watch = watch;
    vfs->watch_context = context;
}

void vfs_fail_after(struct vfs *vfs, enum vfs_failure failure, long successes, bool for_ever) {
    vfs->failure = failure;
    vfs->successes = successes;
    vfs->for_ever = for_ever;
    vfs->has_failed = false;
}

void vfs_fail_no_more(struct vfs *vfs) {
    vfs->successes = -1;
}

bool vfs_has_failed(const struct vfs *vfs) {
    return vfs->has_failed;
}

/* --- cuts ---------------------------------------------------------------------- */

/* The part of a change that lies in a sector. */
static void apply_to_sector(struct content *content, const struct change *change, size_t begin,
                            size_t end) {
    size_t from = change->offset, to = change->offset + change->bytes;
    if (change->data == NULL) { /* what is behind the new size is zero, should it come back */
        from = from > begin ? from : begin;
        if (from < end) {
            memset(content->data + from, 0, end - from);
        }
        return;
    }
    from = from > begin ? from : begin;
    to = to < end ? to : end;
    if (from < to) {
        memcpy(content->data + from, change->data + (from - change->offset), to - from);
    }
}

/* How many of the changes a sector that ends at `end` may have had: from `*least` to `*most`, where
 * the file was cut as far as the change `cuts` says.  What a cut took away was there all or not at
 * all, as its blocks are given back in one. */
static void find_bounds(const struct node *node, size_t cuts, size_t end, size_t *least,
                        size_t *most) {
    *least = 0;
    *most = node->change_count;
    for (size_t i = 0; i < node->change_count; i++) {
        const struct change *change = &node->changes[i];
        if (change->data != NULL || change->offset >= end) {
            continue;
        }
        if (i < cuts) {
            *least = i + 1;
        } else if (*most > i) {
            *most = i;
        }
    }
}

static size_t size_after(size_t size, const struct change *change) {
    const size_t end = change->offset + change->bytes;
    return change->data == NULL ? change->offset : size > end ? size : end;
}

/* Each sector, and the size, as they were after any number of the changes. */
static void scramble(const struct node *node, struct content *content, size_t sector,
                     uint64_t *random) {
    const size_t cuts = vfs_random(random) % (node->change_count + 1);
    size_t least, most, largest = node->synced.size, size = node->synced.size, chosen = 0;
    find_bounds(node, cuts, SIZE_MAX, &least, &most);
    const size_t sized = least + vfs_random(random) % (most - least + 1);
    for (size_t i = 0; i <= node->change_count; i++) {
        largest = largest > size ? largest : size;
        chosen = i == sized ? size : chosen;
        size = i < node->change_count ? size_after(size, &node->changes[i]) : size;
    }
    resize(content, largest);
    for (size_t begin = 0; begin < largest; begin += sector) {
        const size_t end = begin + sector < largest ? begin + sector : largest;
        find_bounds(node, cuts, end, &least, &most);
        const size_t kept = least + vfs_random(random) % (most - least + 1);
        for (size_t i = 0; i < kept; i++) {
            apply_to_sector(content, &node->changes[i], begin, end);
        }
    }
    resize(content, chosen);
}

static void cut_prefix(const struct node *node, struct content *content, uint64_t *random) {
    const uint64_t kept = vfs_random(random) % (node->change_count + 1);
    for (size_t i = 0; i < kept; i++) {
        apply(content, &node->changes[i]);
    }
    if (kept < node->change_count && node->changes[kept].data != NULL) {
        struct change torn = node->changes[kept];
        torn.bytes = vfs_random(random) % (torn.bytes + 1) / 512 * 512;
        apply(content, &torn);
    }
}

static void cut_node(const struct node *from, struct node *to, enum vfs_cut cut, uint64_t *random) {
    /* A name that was made or deleted may be there or not. */
    to->exists = from->exists;
    if (from->exists != from->on_disk && cut != CUT_KEEP) {
        to->exists = cut == CUT_DROP ? from->on_disk : vfs_random(random) % 2;
    }
    to->on_disk = to->exists;
    copy(&to->now, cut == CUT_KEEP ? &from->now : &from->synced);
    switch (cut) {
    case CUT_DROP:
    case CUT_KEEP:
        break;
    case CUT_PREFIX:
        cut_prefix(from, &to->now, random);
        break;
    case CUT_TORN:
        scramble(from, &to->now, 512, random);
        break;
    case CUT_PAGES:
        scramble(from, &to->now, 4096, random);
        break;
    }
    copy(&to->synced, &to->now);
    forget_changes(to);
}

void vfs_cut(const struct vfs *from, struct vfs *to, enum vfs_cut cut, uint64_t *random) {
    for (size_t i = 0; i < to->node_count; i++) {
        to->nodes[i].exists = false;
    }
    for (size_t i = 0; i < from->node_count; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s%s", to->root, from->nodes[i].name);
        cut_node(&from->nodes[i], find(to, path, true), cut, random);
    }
}

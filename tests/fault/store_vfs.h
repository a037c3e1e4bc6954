/* A file system in memory for SQLite, that fails and loses power on order.
 *
 * It knows of each file what is on the disk and what was written since the last sync.  A cut makes
 * an image: of what was not synced each sector has become what it was after any of the writes, by
 * chance, and so has the file's size.  Like the disks that SQLite relies on (its "powersafe
 * overwrite"), a sector that is not written stays as it is.
 *
 * For one thread.  A defect of the test itself ends the process. */
#ifndef MLPD_TESTS_FAULT_STORE_VFS_H
#define MLPD_TESTS_FAULT_STORE_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How calls of the file system fail. */
enum vfs_failure {
    VFS_IO_ERROR, /* any call */
    VFS_NO_SPACE, /* what needs space: nothing is written */
    VFS_SHORT     /* the same, when half was written */
};

struct vfs; /* registered with SQLite under its name */

/* What lies below the directory `root` is in memory.  `name` must stay. */
struct vfs *vfs_create(const char *name, const char *root);
void vfs_destroy(struct vfs *vfs);

/* Called before each call that changes something on the disk. */
void vfs_watch(struct vfs *vfs, void (*watch)(void *context), void *context);

/* Let `successes` calls pass and then fail one, or with `for_ever` all. */
void vfs_fail_after(struct vfs *vfs, enum vfs_failure failure, long successes, bool for_ever);
void vfs_fail_no_more(struct vfs *vfs);
bool vfs_has_failed(const struct vfs *vfs);

enum vfs_cut {
    CUT_DROP,   /* nothing of what was not synced is there */
    CUT_KEEP,   /* all is: the process died, not the machine */
    CUT_PREFIX, /* what was written up to an instant, the last write torn */
    CUT_TORN,   /* each sector by itself, of 512 bytes */
    CUT_PAGES   /* each sector by itself, of 4096 bytes */
};
#define VFS_CUTS 5

/* `to`, with no file open, becomes what `from` would be after the cut. */
void vfs_cut(const struct vfs *from, struct vfs *to, enum vfs_cut cut, uint64_t *random);

/* A step of a simple generator (splitmix64). */
uint64_t vfs_random(uint64_t *state);

#endif

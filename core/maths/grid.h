/* Grids: how the matrices of a training pass are cut into tiles.
 *
 * A tile is a rectangle that one worker computes in at most half a millisecond.
 * Where the cuts lie follows from the shapes alone, never from who computes: they
 * decide in which order numbers are added, and so a model's bits. */
#ifndef MLPD_CORE_MATHS_GRID_H
#define MLPD_CORE_MATHS_GRID_H

#include <stddef.h>

struct grid {
    size_t rows, columns;           /* of the matrix */
    size_t row_step, column_step;   /* of a tile */
    size_t row_tiles, column_tiles; /* their numbers */
};

struct tile {
    size_t row, column, rows, columns;
};

/* Tiles of a product whose result is [rows × columns] and whose sums have `depth`
 * terms.  A product packs its operands, and two tiles that share one pack it twice:
 * so the result is cut along the operand that costs more to pack, and across only
 * where that gives too few tiles (measured at 256×1024×1024 in eight tiles: X·Wᵀ by
 * columns 3.6 ms, by rows 4.6 ms; dZᵀ·X by rows 3.6 ms, by columns 4.0 ms).  Cuts
 * between columns are at multiples of 4, as dropout wants them.  The depth is not
 * cut: the weight gradient of a batch of more than some 100,000 rows takes longer
 * than a tile should. */
struct grid grid_by_columns(size_t rows, size_t columns, size_t depth);
struct grid grid_by_rows(size_t rows, size_t columns, size_t depth);

/* Tiles of whole rows (or of single numbers, with a width of 1). */
struct grid grid_of_rows(size_t rows, size_t width);

/* How many there are, and the one of that number. */
size_t grid_tiles(const struct grid *grid);
struct tile grid_tile(const struct grid *grid, size_t number);

#endif

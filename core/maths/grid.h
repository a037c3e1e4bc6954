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

/* Tiles of a product whose result is [rows × columns] and whose sums have
 * `depth` terms: about square, because a product packs both of its operands, and
 * thin tiles would pack one of them over and over (measured at 256×1024×1024:
 * 16 rows 40 % of the whole product's speed, 128×256 86 %).  Cuts between columns
 * are at multiples of 4, as dropout wants them.  The depth is not cut: the weight
 * gradient of a batch of more than some 100,000 rows takes longer than a tile
 * should. */
struct grid grid_of_product(size_t rows, size_t columns, size_t depth);

/* Tiles of whole rows (or of single numbers, with a width of 1). */
struct grid grid_of_rows(size_t rows, size_t width);

/* How many there are, and the one of that number. */
size_t grid_tiles(const struct grid *grid);
struct tile grid_tile(const struct grid *grid, size_t number);

#endif

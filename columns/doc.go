// Package columns holds tables by column instead of by row: one typed vector for each
// field, texts in one piece of memory with offsets, repeated values once with codes.
//
// Layer: values, between metadata and serialization. A [Table] is plain data without I/O:
// package serialization fills it from every format of the wire and writes formats from it,
// package internal/ofs1 is the codec of blocks whose layout is the same as that of a Table.
// It knows no rows as Go structs and no bytes of classic rows.
//
// There are three ways to read a column. The vectors themselves are the fastest:
// [Column.Index] says where the value of a row stands, and after [Table.Expand] it is always
// the row itself. [Column.Ints] and [Column.Texts] copy a whole column. The methods with a
// row, such as [Column.Decimal] and [Column.Timestamp], give single values as Go types.
//
// [Table.As] turns a table into one of another line type without loss, [Table.Append] puts
// the pieces of a long table together, [Table.Take] picks rows.
//
// A Table that a library function returned is the caller's: nothing else refers to its
// memory, unless the function says that it shares. It may be read from several goroutines at
// once; changing it needs care as with any Go value. Methods that take a row expect one that
// exists, as indexing does; [Table.Check] finds tables that contradict themselves.
package columns

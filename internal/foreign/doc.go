// Package foreign recognises other protocols by the first bytes a peer sends, so that an
// error can name what stands behind a wrong port. It belongs to the shelf of bytes and
// decides nothing: bytes that a protocol of ours can read are not shown to it.
package foreign

package repository

// Known reports whether the description of a function is at hand, so that Function would ask
// nobody. The name is in upper case. It counts as no request.
func (r *Repository) Known(name string) bool {
	if own := r.own.Load(); own != nil {
		if _, ok := (*own)[name]; ok {
			return true
		}
	}
	if r.uncached {
		return false
	}
	_, ok := load(&r.system.functions, name)
	return ok
}

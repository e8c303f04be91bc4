package connectivity

// Limits of what is read. They are far above what real platforms give.
const (
	// maxDocument bounds VCAP_SERVICES, and a file of a binding, in bytes.
	maxDocument = 4 << 20
	// maxFiles bounds the files of one binding, maxMounted the bindings of one place.
	maxFiles, maxMounted = 256, 1000
)

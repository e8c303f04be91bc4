package rfctest

// areas are all modules of the system but the metadata modules, which package repository
// adds.
func areas() []area {
	return []area{
		systemArea(), connectionTests(), errorTests(), tableReader(), transactions(), users(), flights(), taskLists(), restEndpoint(), echoes(),
	}
}

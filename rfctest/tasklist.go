package rfctest

import (
	"context"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// taskLists is EAM_TASKLIST_GET_DETAIL, a module with many optional tables whose behaviour
// depends on which of them the caller requests: only with the hierarchy requested does it
// find that the task list has none.
//
// Source: case L-05 [impl]. The tables are shortened.
func taskLists() area {
	return area{
		types: func(d *metadata.Dictionary) {
			d.Structure("EAMS_TL_HEADER", "PLNTY:C1 PLNNR:C8 PLNAL:C2 KTEXT:C40")
			d.Structure("EAMS_TL_ITEM", "PLNTY:C1 PLNNR:C8 PLNAL:C2 VORNR:C4 LTXA1:C40")
			d.Table("EAMT_TL_HEADER", "{EAMS_TL_HEADER}")
			d.Table("EAMT_TL_ITEM", "{EAMS_TL_ITEM}")
			d.Table("BAPIRETTAB", "{BAPIRET2}")
		},
		modules: []definition{{name: "EAM_TASKLIST_GET_DETAIL", group: "EAM_TASKLIST", text: "Read a maintenance task list", serve: taskList, interfaceText: `
			EXPORTING ET_COMPONENTS:[EAMT_TL_ITEM]        " Components
			EXPORTING ET_HDR_HIERARCHY:[EAMT_TL_ITEM]     " Hierarchy of headers
			EXPORTING ET_HEADER:[EAMT_TL_HEADER]          " Headers
			EXPORTING ET_MPACKAGES:[EAMT_TL_ITEM]         " Maintenance packages
			EXPORTING ET_OPERATIONS:[EAMT_TL_ITEM]        " Operations
			EXPORTING ET_OPR_HIERARCHY:[EAMT_TL_ITEM]     " Hierarchy of operations
			EXPORTING ET_PRTS:[EAMT_TL_ITEM]              " Resources and tools
			EXPORTING ET_RELATIONS:[EAMT_TL_ITEM]         " Relations
			EXPORTING ET_RETURN:[BAPIRETTAB]              " Messages
			IMPORTING IV_PLNNR:C8                         " Group of task lists
			IMPORTING IV_PLNTY:C1                         " Type of task list`}},
	}
}

type (
	taskIn struct {
		Group string `rfc:"IV_PLNNR"`
		Type  string `rfc:"IV_PLNTY"`
	}
	taskHeader struct {
		Type  string `rfc:"PLNTY"`
		Group string `rfc:"PLNNR"`
		Count string `rfc:"PLNAL"`
		Text  string `rfc:"KTEXT"`
	}
	taskItem struct {
		Type   string `rfc:"PLNTY"`
		Group  string `rfc:"PLNNR"`
		Count  string `rfc:"PLNAL"`
		Number string `rfc:"VORNR"`
		Text   string `rfc:"LTXA1"`
	}
	taskOut struct {
		Headers    []taskHeader `rfc:"ET_HEADER"`
		Operations []taskItem   `rfc:"ET_OPERATIONS"`
		Return     []bapiRet2   `rfc:"ET_RETURN"`
	}
)

func taskList(_ context.Context, s *System, req *rfc.Request, reply *rfc.Reply) error {
	var in taskIn
	if err := req.Scan(&in); err != nil {
		return err
	}
	out := &taskOut{Headers: []taskHeader{{Type: in.Type, Group: in.Group, Count: "01", Text: "Inspection"}}}
	if req.Requested("ET_OPERATIONS") {
		out.Operations = []taskItem{{Type: in.Type, Group: in.Group, Count: "01", Number: "0010", Text: "Look at it"}}
	}
	if req.Requested("ET_HDR_HIERARCHY") || req.Requested("ET_OPR_HIERARCHY") {
		out.Return = []bapiRet2{{
			Type: "E", ID: "DIWP1", Number: "212", LogNumber: "000000", V1: in.Type, V2: in.Group, Parameter: "HIERARCHY",
			Message: "Task list " + in.Type + " " + in.Group + "  is not hierarchical", System: s.logicalName(req),
		}}
	}
	reply.Set(out)
	return nil
}

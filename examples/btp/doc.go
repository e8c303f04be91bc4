// Command btp calls STFC_CONNECTION in an on-premise system from a program on SAP BTP: the
// example of docs/btp.md. It needs bindings of the destination service and the connectivity
// service, and a destination SALES_QA.
package main

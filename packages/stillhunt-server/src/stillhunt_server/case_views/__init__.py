"""What pages show of a case beyond its report: one account, a graph, similar campaigns, rows, harm, a search."""

"""What pages show of a case besides its report: one account, a graph, similar campaigns, rows, harm, a search."""

"""The process of `console_process`."""

from stillhunt.base.no_pandas import refuse_pandas

if __name__ == "__main__":
    refuse_pandas()
    from stillhunt_server.pages_process import main  # late, since Arrow looks for pandas when it is loaded

    main()
